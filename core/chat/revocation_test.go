package chat_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

func TestARevocationCoversTokensIssuedUpToIt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 500e6, time.UTC)
	r := chat.Revocation{User: "alice", Until: at}
	for _, c := range []struct {
		name string
		who  chat.Identity
		want bool
	}{
		{"issued before", chat.Identity{User: "alice", Issued: at.Add(-time.Hour)}, true},
		{"issued in the same second", chat.Identity{User: "alice", Issued: at.Truncate(time.Second)}, true},
		{"issued in the next second", chat.Identity{User: "alice", Issued: at.Truncate(time.Second).Add(time.Second)}, false},
		{"that does not say when it was issued", chat.Identity{User: "alice"}, true},
		{"of another user", chat.Identity{User: "bob", Issued: at.Add(-time.Hour)}, false},
	} {
		if got := r.Covers(c.who); got != c.want {
			t.Errorf("a token %s: covered is %v", c.name, got)
		}
	}
}
