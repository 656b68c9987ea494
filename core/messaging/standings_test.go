package messaging

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

func TestWhatIsRememberedOfUsersIsBounded(t *testing.T) {
	t.Parallel()
	c := newStandings()
	for i := range standingsMost + 1000 {
		user := chat.UserID(fmt.Sprint("user", i))
		c.put(c.ticket(user, "tea"), chat.Standing{Read: 7})
		if st, ok := c.get(user, "tea"); !ok || st.Read != 7 {
			t.Fatalf("the standing of %s is forgotten at once", user)
		}
	}
	if n := len(c.known); n > standingsMost {
		t.Errorf("%d standings are remembered", n)
	}
	if _, ok := c.get("user0", "tea"); ok {
		t.Error("a full cache keeps the oldest")
	}
}
