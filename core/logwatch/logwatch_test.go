package logwatch_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/logwatch"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a memory store that may be away.
type store struct {
	*memory.Store
	mu   sync.Mutex
	away bool
}

func (s *store) goes(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *store) LogID(ctx context.Context) (chat.LogID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return "", chat.Wrap(chat.Unavailable, errors.New("connection refused"), "ask")
	}
	return s.Store.LogID(ctx)
}

// observer notes faults, and how often the log changed.
type observer struct {
	ports.Unobserved
	mu      sync.Mutex
	faults  []string
	changed int
}

func (o *observer) Fault(_ context.Context, while string, err error) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults = append(o.faults, while+": "+err.Error())
	return ""
}

func (o *observer) change() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed++
}

// told returns how often something was told, and how often the log changed.
func (o *observer) told(while string) (faults, changed int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.faults {
		if strings.HasPrefix(f, while) {
			faults++
		}
	}
	return faults, o.changed
}

func watching(t *testing.T) (*logwatch.Watch, *store, *observer) {
	t.Helper()
	s, o := &store{Store: memory.New()}, &observer{}
	w := logwatch.New(logwatch.Config{Store: s, Observer: o, Bus: "the bus (redis) under the prefix \"parley\""})
	if w.Log() != "" {
		t.Error("it knows the log before it asked")
	}
	if err := w.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Run(ctx, o.change) })
	t.Cleanup(func() { end(); wg.Wait() })
	return w, s, o
}

func TestALogThatBecomesAnotherIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, s, o := watching(t)
		time.Sleep(time.Minute)
		if faults, changed := o.told(""); faults+changed > 0 {
			t.Errorf("%d changes of a log that stays: %v", changed, o.faults)
		}
		now, err := s.RenewLog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if faults, changed := o.told("keep to the log"); faults != 1 || changed != 1 || w.Log() != now {
			t.Errorf("told %d times, changed %d times to %s, want once to %s", faults, changed, w.Log(), now)
		}
		time.Sleep(time.Minute)
		if _, changed := o.told(""); changed != 1 {
			t.Errorf("it changed %d times", changed)
		}
	})
}

func TestAStoreThatIsAwayIsNoOtherLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, s, o := watching(t)
		is := w.Log()
		s.goes(true)
		time.Sleep(10 * time.Second)
		s.goes(false)
		time.Sleep(10 * time.Second)
		if faults, changed := o.told("ask which log it is"); faults == 0 || changed > 0 || w.Log() != is {
			t.Errorf("told %d times, changed %d times, and it is %q", faults, changed, w.Log())
		}
	})
}

func TestNoticesOfAnotherLogAreToldSeldomAndWithWhatToDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, o := watching(t)
		for range 1000 {
			w.Foreign("5f2c9a01d7e3")
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait() // nothing is told while what was told is looked at
		faults, changed := o.told("hear of another log")
		if faults < 2 || faults > 11 || changed > 0 {
			t.Fatalf("told %d times in ten seconds", faults)
		}
		for _, words := range []string{"5f2c9a01d7e3", string(w.Log()), `prefix "parley"`, "PARLEY_BUS_PREFIX"} {
			if !strings.Contains(o.faults[0], words) {
				t.Errorf("%q lacks %q", o.faults[0], words)
			}
		}
	})
}

func TestANodeThatWasQuickerToNoticeIsNoOtherService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, s, o := watching(t)
		was := w.Log()
		now, err := s.RenewLog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.Foreign(now)
		synctest.Wait()
		if w.Log() != now {
			t.Error("it does not look at once")
		}
		time.Sleep(10 * time.Second)
		w.Foreign(was) // of one that is slower
		time.Sleep(10 * time.Second)
		if faults, changed := o.told("hear of another log"); faults != 0 || changed != 1 {
			t.Errorf("told %d times, changed %d times", faults, changed)
		}
	})
}
