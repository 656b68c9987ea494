package work_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/work"
)

func TestARateIsThatOfTheLastSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r work.Rate
		is := func(when string, want int) {
			t.Helper()
			if got := r.PerSecond(); got != want {
				t.Errorf("%s it is %d a second, want %d", when, got, want)
			}
		}
		is("before anything is done", 0)
		r.Add(150)
		r.Add(60)
		is("at once", 210)
		time.Sleep(time.Second)
		r.Add(7)
		is("a second later", 210)
		time.Sleep(time.Second)
		is("another second later", 7)
		time.Sleep(2 * time.Second)
		is("at last", 0)
	})
}
