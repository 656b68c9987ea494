package messaging_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// bytesRead counts the bytes that are read from a log.
type bytesRead struct {
	*memory.Store
	max int // in one call
}

func (l *bytesRead) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	entries, err := l.Store.Read(ctx, room, span)
	bytes := 0
	for i := range entries {
		bytes += entries[i].Size()
	}
	l.max = max(l.max, bytes)
	return entries, err
}

// A client that goes from page to page gets every entry once. Each page has at most pageBytes or is
// one entry. No more is read from the log than a page and an entry.
func TestPagesEndByBytes(t *testing.T) {
	t.Parallel()
	const pageBytes, larger, entries = 10_000, 20_000, 120
	measure := func(e *chat.Entry) int { return 2*e.Size() + 100 } // as a text that has to be escaped
	log := &bytesRead{Store: memory.New()}
	s := messaging.New(messaging.Config{Log: log, Directory: log.Store, AnswerBytes: pageBytes, Measure: measure})
	if _, err := log.Create(t.Context(), chat.Room{ID: "tea", Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	var batch []chat.Proposal
	for i := range entries {
		body := strings.Repeat("x", 1+(i*i*37)%3000)
		if i == 60 {
			body = strings.Repeat("x", larger)
		}
		batch = append(batch, chat.Proposal{Room: "tea", Author: alice.Author(), By: chat.Rights{Admin: true}, Key: chat.Key(fmt.Sprint(i)), Fact: chat.Message{Body: body}})
	}
	outcomes, err := log.Append(t.Context(), batch)
	if err != nil || outcomes[entries-1].Status != ports.Appended {
		t.Fatalf("append: %v, %+v", err, outcomes)
	}
	for _, limit := range []int{1, 7, 200} {
		for _, newest := range []bool{false, true} {
			for _, only := range []bool{false, true} {
				seen, pages := map[chat.Seq]bool{}, 0
				ask := ports.History{Room: "tea", Limit: limit, Messages: only}
				if !newest {
					ask.After = new(chat.Seq)
				}
				for more := true; more; pages++ {
					page, err := s.History(t.Context(), alice, ask)
					if err != nil || len(page.Entries) == 0 {
						t.Fatalf("page %d of %+v has %d entries, %v", pages, ask, len(page.Entries), err)
					}
					bytes := 0
					for i := range page.Entries {
						bytes += measure(&page.Entries[i])
						if seen[page.Entries[i].Seq] {
							t.Errorf("%d comes twice", page.Entries[i].Seq)
						}
						seen[page.Entries[i].Seq] = true
					}
					if bytes > pageBytes && len(page.Entries) > 1 || len(page.Entries) > limit {
						t.Errorf("a page has %d entries of %d bytes", len(page.Entries), bytes)
					}
					if more = page.More; newest {
						ask.Before = page.Entries[0].Seq
					} else {
						ask.After = &page.Entries[len(page.Entries)-1].Seq
					}
				}
				if len(seen) != entries || pages > entries {
					t.Errorf("with limit %d, newest %v, %d pages have %d of %d entries", limit, newest, pages, len(seen), entries)
				}
			}
		}
	}
	if log.max > pageBytes+larger {
		t.Errorf("of the log %d bytes were read for a page", log.max)
	}
}
