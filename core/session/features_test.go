package session_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

func TestTheWelcomeTellsWhatAllNodesCanDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, func(d *session.Config, m *messaging.Config) {
		d.Bus, m.Bus, d.Features = nil, nil, []string{"threads"}
	})
	c := &client{t: t, name: "alice", pipe: newPipe(1 << 20)}
	var err error
	if c.session, err = w.nodes[0].hub.Open(c.pipe, ports.Opening{Identity: identity("alice")}); err != nil {
		t.Fatal(err)
	}
	defer c.hangsUp()
	mustSay(t, "all nodes can", strings.Join(c.hears("welcome").Can, " "), "threads")
}

// An unknown fact about a message may have its text. Once the message is deleted, the ring must not
// serve that entry.
func TestWhatIsSaidOfADeletedMessageLeavesTheRing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		alice := w.connects("alice")
		alice.joins("tea")
		alice.sends("tea", "one")
		alice.sends("tea", "two")
		synctest.Wait()
		// As a later release on another node tells it; this node's log has nothing in those places.
		at := time.Now()
		author := chat.Author{ID: "bob"}
		for _, e := range []chat.Entry{
			{Room: "tea", Seq: 3, At: at, Author: author, Fact: chat.Unknown{Type: "preview", Target: 1, Data: []byte(`{}`)}},
			{Room: "tea", Seq: 4, At: at, Author: author, Fact: chat.Deleted{Target: 1}},
			{Room: "tea", Seq: 5, At: at, Author: author, Fact: chat.Unknown{Type: "preview", Target: 2, Data: []byte(`{}`)}},
		} {
			w.nodes[0].hub.Entries([]chat.Entry{e})
			synctest.Wait()
		}
		seen := func(n chat.Seq) string {
			l, ok := alice.awaits(func(l line) bool { return l.Kind == "entry" && l.Entry.Seq == n })
			if !ok {
				t.Fatal("the connection ended")
			}
			return l.Entry.Fact
		}
		mustSay(t, "live, 3", seen(3), "chat.Unknown")
		mustSay(t, "live, 5", seen(5), "chat.Unknown")
		for _, f := range w.nodes[0].hub.InspectFeeds(ports.FeedQuery{Limit: 1}).Feeds {
			if f.Ring < 3 || f.Head != 5 {
				t.Errorf("the ring begins behind %d of %d, want none of what was said of the deleted", f.Ring, f.Head)
			}
		}
	})
}

// finder answers each search with one hit.
type finder struct{}

func (finder) Search(_ context.Context, by chat.Identity, q ports.Search) (ports.SearchPage, error) {
	if q.Text == "" {
		return ports.SearchPage{}, chat.Errorf(chat.Invalid, "q must not be empty")
	}
	return ports.SearchPage{Next: string(by.User) + " " + q.Text}, nil
}

func TestSearchIsAnsweredWhereAllNodesHaveIt(t *testing.T) {
	t.Parallel()
	for features, has := range map[string]bool{ports.FeatureSearch: true, "threads": false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1, func(d *session.Config, m *messaging.Config) {
				d.Bus, m.Bus, d.Features, d.Searcher = nil, nil, []string{features}, finder{}
			})
			alice := w.connects("alice")
			if !has {
				alice.isRefused(ports.Search{Text: "tea"}, chat.UnknownType)
				return
			}
			var page ports.SearchPage
			alice.gets(ports.Search{Text: "tea"}, &page)
			mustSay(t, "the page", page.Next, "alice tea")
			alice.isRefused(ports.Search{}, chat.Invalid)
		})
	}
}
