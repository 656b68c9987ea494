package finding_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/finding"
	"github.com/parley-chat/parley/ports"
)

func TestAQueryInTwoPartsFindsTheSame(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	var rooms []chat.RoomID
	for i := range 120 {
		room := chat.RoomID(fmt.Sprintf("room-%03d", i*37%120))
		rooms = append(rooms, room)
		for seq := range chat.Seq(1 + i%4) {
			at := began.Add(time.Duration(i%7) * time.Second) // many at the same time
			x.index(room, finding.Doc{Seq: seq + 1, At: at, Tokens: []string{"tea"}})
		}
	}
	for _, n := range []int{10, 49, 50, 51, 120} {
		for _, limit := range []int{1, 7, 200} {
			q := ports.FindQuery{Rooms: rooms[:n], All: []ports.SearchTerm{{Token: "tea"}}, Limit: limit}
			var parts atomic.Int64
			got, err := finding.Apart(t.Context(), q, func(ctx context.Context, q ports.FindQuery) ([]ports.FoundMessage, error) {
				parts.Add(1)
				return finding.Find(ctx, still{x}, x.filters, q)
			})
			if err != nil {
				t.Fatal(err)
			}
			if want := x.wants(q); !slices.Equal(got, want) {
				t.Errorf("%d rooms, %d parts: found %v, want %v", n, parts.Load(), got, want)
			}
		}
	}
}

// still is a table that counts nothing, so that several may read it.
type still struct{ *table }

func (s still) Manifests(ctx context.Context, q *ports.FindQuery, tell func(room chat.RoomID, blocks, beside []byte) error) error {
	c := *s.table
	return c.Manifests(ctx, q, tell)
}

func (s still) Pieces(ctx context.Context, blocks []finding.BlockPlace, from, to []byte, tell func(block int, data []byte) error) error {
	c := *s.table
	return c.Pieces(ctx, blocks, from, to, tell)
}

func (s still) Filters(ctx context.Context, blocks []finding.BlockPlace) ([]finding.Filter, error) {
	c := *s.table
	return c.Filters(ctx, blocks)
}

func (s still) Times(ctx context.Context, places []finding.Place) ([]time.Time, error) {
	c := *s.table
	return c.Times(ctx, places)
}

func TestAPartThatFailsEndsTheOther(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	q := ports.FindQuery{Rooms: make([]chat.RoomID, 200), Limit: 1}
	var first atomic.Bool
	_, err := finding.Apart(t.Context(), q, func(ctx context.Context, _ ports.FindQuery) ([]ports.FoundMessage, error) {
		if first.CompareAndSwap(false, true) {
			return nil, broken
		}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if !errors.Is(err, broken) {
		t.Errorf("it says %v", err)
	}
}
