package observability_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

func pass(o *observability.Observer, room string, readers int) {
	o.FannedOut(ports.FanOut{Room: chat.RoomID(room), Readers: readers, Entries: 1})
}

func TestTheHottestRoomsAreToldByTheirRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := plain()
		for range 10 * 60 * 10 { // ten minutes
			pass(o, "busy", 100)
			pass(o, "calm", 1)
			time.Sleep(100 * time.Millisecond)
		}
		top := o.Hottest(10)
		if len(top) != 2 || top[0].Room != "busy" || top[1].Room != "calm" {
			t.Fatalf("got %v", top)
		}
		if math.Abs(top[0].PerSecond-1000) > 20 || math.Abs(top[1].PerSecond-10) > 0.2 || top[0].Error != 0 {
			t.Errorf("got %v, want 1000 and 10 a second", top)
		}
		time.Sleep(time.Minute)
		if got := o.Hottest(1)[0].PerSecond; math.Abs(got-250) > 5 {
			t.Errorf("two half-lives later: got %v, want a quarter", got)
		}
		time.Sleep(time.Hour)
		if got := o.Hottest(10); len(got) != 0 {
			t.Errorf("an hour later: got %v, want none", got)
		}
	})
}

func TestAHotRoomIsFoundAmongAnyNumberOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := plain()
		order := rand.New(rand.NewPCG(1, 2)) // the same each time
		for i := range 50_000 {
			pass(o, fmt.Sprint("room", order.IntN(50_000)), 1)
			if i%100 == 0 {
				pass(o, "hot", 2) // 2 % of all
				time.Sleep(400 * time.Millisecond)
			}
		}
		top := o.Hottest(1000)
		if len(top) > 256 || top[0].Room != "hot" {
			t.Fatalf("got %d rooms, %v first", len(top), top[0])
		}
		if rate := 5.0; top[0].PerSecond < rate*0.7 || top[0].PerSecond-top[0].Error > rate*1.05 {
			t.Errorf("got %v, want about %v a second within the error", top[0], rate)
		}
	})
}
