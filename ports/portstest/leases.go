package portstest

import (
	"fmt"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var consumerSentences = []railSentence{
	{"consumers begin, are walked, begin again and are forgotten", func(r rail) {
		r.begins("audit")
		r.begins("other")
		if err := r.Walked(r.Context(), "audit"); err != nil {
			r.Fatal(err)
		}
		if err := r.Walked(r.Context(), "nobody"); err != nil {
			r.Fatal(err)
		}
		mustEqual(r, "who has begun", fmt.Sprint(r.begun().Walked), fmt.Sprint(map[string]bool{"audit": true, "other": false}))
		before := r.begun().Generation
		if after := r.begins("audit"); after <= before {
			r.Errorf("generation %d, then %d", before, after)
		}
		mustEqual(r, "who has begun", fmt.Sprint(r.begun().Walked), fmt.Sprint(map[string]bool{"audit": false, "other": false}))
		if _, err := r.Forget(r.Context(), "audit", "", 10); err != nil {
			r.Fatal(err)
		}
		mustEqual(r, "who has begun", fmt.Sprint(r.begun().Walked), fmt.Sprint(map[string]bool{"other": false}))
	}},
	{"a cursor can be set where it failed, where it is and where there is none", func(r rail) {
		r.makes(9, "tea", "den")
		l := r.holds("n1", time.Minute)[ports.ShareOf("tea")]
		r.mustMove(isTo(l, ports.Cursor{Consumer: "audit", Room: "tea", Seq: 2, UpTo: 5, Head: 9, Sealed: []byte("s"), Tries: 9, Error: "away", Stalled: true}))
		for _, id := range []chat.RoomID{"tea", "den"} {
			if err := r.Seek(r.Context(), "audit", id, 4); err != nil {
				r.Fatal(err)
			}
			c, _ := r.cursor(id, "audit")
			if c.Next.IsZero() || time.Since(c.Next).Abs() > time.Minute {
				r.Errorf("it is to be looked at at %v", c.Next)
			}
			c.Next = time.Time{}
			mustEqual(r, "the cursor", fmt.Sprint(c), fmt.Sprint(ports.Cursor{Consumer: "audit", Room: id, Seq: 4}))
		}
		mustFail(r, r.Seek(r.Context(), "audit", "tea", 10), chat.Invalid)
		mustFail(r, r.Seek(r.Context(), "audit", "nowhere", 0), chat.NotFound)
		mustEqual(r, "a move of who knew it as it was", r.moves(
			ports.CursorMove{Lease: l, Was: &ports.CursorState{Seq: 2, UpTo: 5}, To: ports.Cursor{Consumer: "audit", Room: "tea", Seq: 5}})[0], ports.MoveChanged)
	}},
	{"where a consumer is stuck is listed in pages, and forgotten in pages", func(r rail) {
		names := []chat.RoomID{"a", "b", "c", "d", "e", "f"}
		r.makes(9, names...)
		all := r.holds("n1", time.Minute)
		for i, id := range names {
			for _, consumer := range []string{"audit", "other"} {
				m := isTo(all[ports.ShareOf(id)], ports.Cursor{Consumer: consumer, Room: id, Seq: 1, Stalled: i == 3})
				if i%3 == 1 {
					m.Wait = time.Hour
				}
				r.mustMove(m)
			}
		}
		var got []chat.RoomID
		for after := chat.RoomID(""); ; {
			page, err := r.Stuck(r.Context(), "audit", after, 2)
			if err != nil || len(page) > 2 {
				r.Fatalf("%d cursors, %v", len(page), err)
			}
			for _, c := range page {
				mustEqual(r, "whose it is", c.Consumer, "audit")
				got = append(got, c.Room)
			}
			if len(page) < 2 {
				break
			}
			after = page[1].Room
		}
		mustEqualSlices(r, "rooms where it is stuck", got, []chat.RoomID{"b", "d", "e"})
		calls := 0
		for after := chat.RoomID(""); ; calls++ {
			next, err := r.Forget(r.Context(), "audit", after, 2)
			if err != nil || calls > 20 {
				r.Fatalf("after %d calls: %v", calls, err)
			}
			if after = next; after == "" {
				break
			}
		}
		left, err := r.Load(r.Context(), names)
		if err != nil || len(left) != len(names) || calls == 0 {
			r.Errorf("%d cursors are left after %d calls, %v", len(left), calls, err)
		}
		for _, c := range left {
			mustEqual(r, "whose it is", c.Consumer, "other")
		}
	}},
}

var leaseSentences = []railSentence{
	{"one node gets all shares, two a half each once the first has given back", func(r rail) {
		first := r.holds("n1", time.Minute)
		mustEqual(r, "shares of the only node", len(first), ports.Shares)
		mustEqual(r, "shares of a second", len(r.holds("n2", time.Minute)), 0)
		var half []ports.Share
		for share := range ports.Shares / 2 {
			half = append(half, ports.Share(share))
		}
		if err := r.Release(r.Context(), "n2", half); err != nil { // they are not its own
			r.Fatal(err)
		}
		mustEqual(r, "shares of the first", len(r.holds("n1", time.Minute)), ports.Shares)
		if err := r.Release(r.Context(), "n1", half); err != nil {
			r.Fatal(err)
		}
		second := r.holds("n2", time.Minute)
		mustEqual(r, "shares of the second", len(second), ports.Shares/2)
		for share, l := range second {
			if l.Fence <= first[share].Fence || l.From != "" {
				r.Fatalf("share %d was %+v and is %+v", share, first[share], l)
			}
		}
		tenure, err := r.Renew(r.Context(), "n1", time.Minute)
		if err != nil || tenure.Nodes != 2 || len(tenure.Leases) != ports.Shares/2 {
			r.Errorf("%d nodes, %d leases, %v", tenure.Nodes, len(tenure.Leases), err)
		}
		for _, l := range tenure.Leases {
			if l.Fence != first[l.Share].Fence {
				r.Fatalf("a lease that was kept has another fence: %+v, was %+v", l, first[l.Share])
			}
		}
	}},
	{"what a node holds that leaves, or falls silent, another gets", func(r rail) {
		r.holds("n1", time.Minute)
		if err := r.Leave(r.Context(), "n1"); err != nil {
			r.Fatal(err)
		}
		second := r.holds("n2", time.Minute)
		mustEqual(r, "shares after the first has left", len(second), ports.Shares)
		r.silences("n2")
		third := r.holds("n3", time.Minute)
		mustEqual(r, "shares after the second fell silent", len(third), ports.Shares)
		for share, l := range third {
			if l.From != "n2" || l.Fence <= second[share].Fence {
				r.Fatalf("share %d was %+v and is %+v", share, second[share], l)
			}
		}
		late, err := r.Renew(r.Context(), "n2", time.Minute)
		if err != nil || len(late.Leases) != 0 || late.Nodes != 2 {
			r.Errorf("the second comes back to %+v, %v", late, err)
		}
	}},
	{"a node that comes too late still holds what nobody has taken", func(r rail) {
		before := r.holds("n1", time.Minute)
		r.silences("n1")
		tenure, err := r.Renew(r.Context(), "n1", time.Minute)
		if err != nil || len(tenure.Leases) != ports.Shares || tenure.Leases[7].Fence != before[tenure.Leases[7].Share].Fence {
			r.Errorf("%d leases, %v", len(tenure.Leases), err)
		}
	}},
	{"a node that does not live gets nothing", func(r rail) {
		more, err := r.Acquire(r.Context(), "n1")
		if err != nil || len(more) != 0 {
			r.Errorf("got %d shares, %v", len(more), err)
		}
	}},
	{"of nodes that take shares at once none gets what another has", func(r rail) {
		nodes := []ports.NodeID{"n1", "n2", "n3", "n4"}
		for _, node := range nodes {
			if _, err := r.Renew(r.Context(), node, time.Minute); err != nil {
				r.Fatal(err)
			}
		}
		got := make([][]ports.Lease, len(nodes))
		together(r.T, len(nodes), func(i int) {
			var err error
			if got[i], err = r.Acquire(r.Context(), nodes[i]); err != nil {
				r.Error(err)
			}
		})
		for i, node := range nodes { // the shares that one node has left to another
			more, err := r.Acquire(r.Context(), node)
			if err != nil {
				r.Fatal(err)
			}
			got[i] = append(got[i], more...)
		}
		seen := map[ports.Share]bool{}
		for i := range nodes {
			mustEqual(r, "shares of a node", len(got[i]), ports.Shares/len(nodes))
			for _, l := range got[i] {
				if seen[l.Share] {
					r.Fatalf("share %d has two nodes", l.Share)
				}
				seen[l.Share] = true
			}
		}
	}},
}
