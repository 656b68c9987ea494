package finding

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

func postingsOf(n int, name string) (all []posting) {
	for i := range n {
		all = append(all, posting{token: fmt.Sprint(name, i)})
	}
	return all
}

func TestAFilterDeniesNothingThatIsThereAndMostOfTheRest(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 10, 100, 256, 3000, 40_000} {
		f := filterOf(postingsOf(n, "w"))
		if len(f) != n {
			t.Errorf("a filter of %d tokens has %d bytes", n, len(f))
		}
		for _, p := range postingsOf(n, "w") {
			if !f.mayHave(hashOf(p.token)) {
				t.Fatalf("%s of %d tokens is denied", p.token, n)
			}
		}
		wrong := 0
		const others = 50_000
		for _, p := range postingsOf(others, "other") {
			if f.mayHave(hashOf(p.token)) {
				wrong++
			}
		}
		if share := float64(wrong) / others; n >= 10 && share > 0.04 || n >= 3000 && share > 0.025 {
			t.Errorf("a filter of %d tokens has %.4f of all others", n, share)
		}
	}
	if !Filter(nil).mayHave(1) {
		t.Error("where there is no filter, nothing is denied")
	}
}

// Filters are kept in stores, and read by nodes of other releases.
func TestAFilterIsMadeAsItWasAlways(t *testing.T) {
	t.Parallel()
	const want = "9106a362"
	if got := hex.EncodeToString(filterOf([]posting{{token: "f:alice"}, {token: "tea"}, {token: "茶"}, {token: "чай"}})); got != want {
		t.Errorf("the filter is %s, want %s", got, want)
	}
}

func TestFiltersThatWereUsedLastAreKept(t *testing.T) {
	t.Parallel()
	var c Filters
	key := func(i int) filterKey { return filterKey{room: "tea", id: int64(i), last: chat.Seq(i), size: i} }
	large := make(Filter, 1<<20)
	for i := range 100 {
		c.put(key(i), large)
		if c.get(key(0)) == nil {
			t.Fatalf("after %d others one is forgotten that is used", i)
		}
	}
	if n := len(c.young) + len(c.old); n > filterBytes>>20+2 {
		t.Errorf("%d filters of a megabyte are kept", n)
	}
	if c.get(key(50)) != nil || c.get(key(99)) == nil {
		t.Error("those are kept that were used first")
	}
}
