package observability_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// checker counts its calls.
type checker struct {
	asked atomic.Int64
	err   error
	hangs bool
}

func (c *checker) Check(ctx context.Context) error {
	c.asked.Add(1)
	if c.hangs {
		<-ctx.Done()
		return chat.Wrap(chat.Unavailable, ctx.Err(), "ask 10.0.0.7")
	}
	return c.err
}

func serving(parts ...observability.Part) *observability.Health {
	h := observability.NewHealth(observability.HealthConfig{Parts: parts})
	h.Serve()
	return h
}

func probe(t *testing.T, h http.Handler) (int, observability.Report, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	var report observability.Report
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return w.Code, report, w.Body.String()
}

func TestReadinessFollowsTheServicesLife(t *testing.T) {
	t.Parallel()
	h := observability.NewHealth(observability.HealthConfig{Parts: []observability.Part{{Name: "store", Checker: &checker{}}}})
	for _, step := range []struct {
		state observability.State
		enter func()
		want  int
	}{
		{observability.Starting, func() {}, 503},
		{observability.Serving, h.Serve, 200},
		{observability.Draining, func() { h.Drain(time.Now()) }, 503},
	} {
		step.enter()
		if got, report, _ := probe(t, h.ReadyHandler(false)); got != step.want || report.State != step.state {
			t.Errorf("%s: got %d and %+v, want %d", step.state, got, report, step.want)
		}
		if got, _, _ := probe(t, h.LiveHandler()); got != 200 {
			t.Errorf("%s: /healthz got %d, want 200: the process lives", step.state, got)
		}
	}
}

func TestReadinessSaysWhichPartAndToOperatorsWhy(t *testing.T) {
	t.Parallel()
	away := chat.Wrap(chat.Unavailable, errors.New("dial 10.0.0.7: refused"), "ask the database")
	h := serving(observability.Part{Name: "store", Checker: &checker{err: away}}, observability.Part{Name: "bus", Checker: &checker{}})
	code, report, public := probe(t, h.ReadyHandler(false))
	if code != 503 || report.Parts[0].OK || report.Parts[0].Name != "store" || !report.Parts[1].OK {
		t.Errorf("got %d and %s, want the store at fault", code, public)
	}
	if strings.Contains(public, "10.0.0.7") {
		t.Errorf("%s tells everybody where the database is", public)
	}
	if _, _, admin := probe(t, h.ReadyHandler(true)); !strings.Contains(admin, "10.0.0.7") {
		t.Errorf("%s does not tell the operator what is wrong", admin)
	}
}

func TestWithoutASparePartTheServiceIsReadyAndDegraded(t *testing.T) {
	t.Parallel()
	h := serving(observability.Part{Name: "store", Checker: &checker{}},
		observability.Part{Name: "bus", Checker: &checker{err: chat.Errorf(chat.Unavailable, "no servers")}, Spare: true})
	code, report, body := probe(t, h.ReadyHandler(false))
	if code != 200 || !report.Degraded || report.Parts[1].OK {
		t.Errorf("got %d and %s, want ready and degraded", code, body)
	}
}

func TestManyProbesAskAPartOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &checker{}
		h := serving(observability.Part{Name: "store", Checker: store})
		var probes sync.WaitGroup
		for range 100 {
			probes.Go(func() { h.Ready(t.Context(), false) })
		}
		probes.Wait()
		if got := store.asked.Load(); got != 1 {
			t.Errorf("100 probes asked %d times, want once", got)
		}
		time.Sleep(time.Second)
		h.Ready(t.Context(), false)
		if got := store.asked.Load(); got != 2 {
			t.Errorf("a second later it was asked %d times, want twice", got)
		}
	})
}

func TestAProbeIsAnsweredInHalfASecondWhateverHangs(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(ctx context.Context, end <-chan struct{}){
		"until its context ends": func(ctx context.Context, _ <-chan struct{}) { <-ctx.Done() },
		"for ever":               func(_ context.Context, end <-chan struct{}) { <-end },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, end := &stuck{hang: hang, end: make(chan struct{})}, make(chan struct{})
				store.end = end
				h := serving(observability.Part{Name: "store", Checker: store}, observability.Part{Name: "bus", Checker: &checker{}})
				asks := func(when string, want bool) observability.Report {
					t.Helper()
					began := time.Now()
					report := h.Ready(t.Context(), false)
					if took := time.Since(began); report.Ready != want || took > 500*time.Millisecond || len(report.Parts) != 2 {
						t.Errorf("%s: got %+v after %v, want ready to be %v within 500ms", when, report, took, want)
					}
					return report
				}
				store.hangs.Store(true)
				asks("before anything was ever answered", false)
				time.Sleep(5 * time.Second)
				if report := asks("once it was given up", false); !report.Parts[1].OK {
					t.Errorf("the part beside it: %+v", report)
				}
				store.hangs.Store(false)
				close(end)
				time.Sleep(5 * time.Second)
				asks("once it is back", true)
				time.Sleep(5 * time.Second)
				store.end = make(chan struct{})
				store.hangs.Store(true)
				asks("as it begins to hang, by what was known", true)
				asked := store.asked.Load()
				for range 20 {
					time.Sleep(2 * time.Second)
					h.Ready(t.Context(), false)
				}
				asks("later", false)
				if name == "for ever" && store.asked.Load() != asked {
					t.Errorf("a part that has not answered is asked %d times more", store.asked.Load()-asked)
				}
				close(store.end)
				time.Sleep(3 * time.Second)
			})
		})
	}
}

// stuck is a part that can hang.
type stuck struct {
	hangs atomic.Bool
	asked atomic.Int32
	hang  func(ctx context.Context, end <-chan struct{})
	end   chan struct{}
}

func (s *stuck) Check(ctx context.Context) error {
	s.asked.Add(1)
	if s.hangs.Load() {
		s.hang(ctx, s.end)
	}
	return ctx.Err()
}

func TestAProbeThatGoesAwaySpoilsNoOthersAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &checker{hangs: true}
		h := serving(observability.Part{Name: "store", Checker: store})
		gone, leave := context.WithCancel(t.Context())
		leave()
		if report := h.Ready(gone, false); report.Ready {
			t.Error("who does not wait for an answer is told that all is well")
		}
		h.Ready(t.Context(), false)
		time.Sleep(3 * time.Second)
		if report := h.Ready(gone, false); report.Parts[0].Since == nil {
			t.Errorf("got %+v, want what the store said", report)
		}
		time.Sleep(3 * time.Second)
	})
}

// keys is a part that works with cached data.
type keys struct {
	flaky
	got time.Time
}

func (k *keys) Since() time.Time { return k.got }

func TestKeysAreNeededUntilTheyAreThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &keys{}
		k.away.Store(true)
		h, _, o := running(t, 10*time.Second, k)
		if r := h.Ready(t.Context(), false); r.Ready || r.Parts[0].Age != "" {
			t.Errorf("keys that were never read: got %+v, want not ready, and without grace", r)
		}
		mustHave(t, o, `parley_part_up{part="store"} 0`, `parley_ready 0`)
		k.got = time.Now()
		k.away.Store(false)
		time.Sleep(time.Minute)
		if r := h.Ready(t.Context(), false); !r.Ready || r.Degraded || r.Parts[0].Age != "1m0s" {
			t.Errorf("once they are there: got %+v, want ready, with their age", r)
		}
		k.away.Store(true)
		time.Sleep(time.Hour)
		if r := h.Ready(t.Context(), true); !r.Ready || !r.Degraded || r.Parts[0].Age != "1h1m0s" || !strings.Contains(r.Parts[0].Why, "gone fishing") {
			t.Errorf("keys that go out of reach: got %+v, want ready and degraded, with their age and why", r)
		}
		mustHave(t, o, `parley_part_up{part="store"} 0`, `parley_ready 1`)
	})
}

// flaky is a part that can be away.
type flaky struct{ away atomic.Bool }

func (f *flaky) Check(context.Context) error {
	if f.away.Load() {
		return chat.Errorf(chat.Unavailable, "gone fishing")
	}
	return nil
}

// running returns a health whose Run is called, with its log and metrics, for a test in a bubble.
func running(t *testing.T, grace time.Duration, c ports.Checker) (*observability.Health, *bytes.Buffer, *observability.Observer) {
	t.Helper()
	var out bytes.Buffer
	h := observability.NewHealth(observability.HealthConfig{
		Parts: []observability.Part{{Name: "store", Checker: c}}, Grace: grace,
		Log: observability.NewLogger(&out, observability.Text, slog.LevelInfo, nil),
	})
	o := plain()
	o.Health(h)
	h.Serve()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return h, &out, o
}

func TestAPartThatIsAwayForAMomentTurnsNothingRed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{}
		h, log, o := running(t, 10*time.Second, store)
		mustHave(t, o, `parley_part_up{part="store"} 1`, `parley_ready 1`)
		store.away.Store(true)
		time.Sleep(4 * time.Second)
		if r := h.Ready(t.Context(), false); !r.Ready || !r.Degraded || r.Parts[0].OK || r.Parts[0].Since == nil {
			t.Errorf("after a moment: got %+v, want ready and degraded", r)
		}
		mustHave(t, o, `parley_part_up{part="store"} 0`, `parley_ready 1`)
		time.Sleep(10 * time.Second)
		if r := h.Ready(t.Context(), false); r.Ready || r.Degraded {
			t.Errorf("after the grace time: got %+v, want not ready", r)
		}
		mustHave(t, o, `parley_part_up{part="store"} 0`, `parley_ready 0`)
		store.away.Store(false)
		time.Sleep(3 * time.Second)
		if r := h.Ready(t.Context(), false); !r.Ready || r.Degraded || r.Parts[0].Since != nil {
			t.Errorf("once it is back: got %+v", r)
		}
		mustHave(t, o, `parley_part_up{part="store"} 1`, `parley_ready 1`)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], "gone fishing") ||
			!strings.Contains(lines[1], "level=INFO") || !strings.Contains(lines[1], "away=1") {
			t.Errorf("logged was\n%s\nwant one line when it went and one when it was back, with for how long", log)
		}
	})
}

func TestAStopThatIsUnderWayIsToldWithItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _, o := running(t, 0, &flaky{})
		mustHave(t, o, `parley_drain_start_time_seconds 0`, `parley_drain_deadline_time_seconds 0`)
		h.Drain(time.Now().Add(30 * time.Second))
		now := float64(time.Now().Unix()) // a bubble begins at a full second
		mustHave(t, o, fmt.Sprintf("parley_drain_start_time_seconds %g", now), fmt.Sprintf("parley_drain_deadline_time_seconds %g", now+30), `parley_ready 0`)
	})
}

func mustHave(t *testing.T, o *observability.Observer, lines ...string) {
	t.Helper()
	got := scrape(t, o, "")
	for _, want := range lines {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics lack %q", want)
		}
	}
}

// fullStore is a store that can be read but not written while it is full.
type fullStore struct {
	ports.Log
	ports.Directory
	full, slow atomic.Bool
	tried      atomic.Int32
}

func (f *fullStore) Append(context.Context, []chat.Proposal) ([]ports.Outcome, error) {
	return nil, f.failure()
}

func (f *fullStore) Mark(context.Context, []ports.ReadMark) ([]ports.MarkOutcome, error) {
	return nil, f.failure()
}

func (f *fullStore) failure() error {
	if f.slow.Load() {
		return chat.Wrap(chat.Unavailable, context.DeadlineExceeded, "wait for a lock")
	}
	return f.CheckWrite(context.Background())
}

func (f *fullStore) Check(context.Context) error { return nil }

func (f *fullStore) CheckWrite(context.Context) error {
	f.tried.Add(1)
	if f.full.Load() {
		return chat.Wrap(chat.Unavailable, errors.New("no space left on device"), "write")
	}
	return nil
}

func TestAStoreThatCannotBeWrittenIsAwayUntilItCan(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(o *observability.Observer, s *fullStore) error{
		"an append": func(o *observability.Observer, s *fullStore) error {
			_, err := o.Log(s).Append(context.Background(), nil)
			return err
		},
		"a mark": func(o *observability.Observer, s *fullStore) error {
			_, err := o.Directory(s).Mark(context.Background(), []ports.ReadMark{{Room: "general", User: "alice", Seq: 1}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &fullStore{}
				o := plain()
				h, _, _ := running(t, 10*time.Second, o.Store(store))
				is := func(when string, ok bool) {
					t.Helper()
					time.Sleep(3 * time.Second)
					if r := h.Ready(t.Context(), true); r.Parts[0].OK != ok || !ok && !strings.Contains(r.Parts[0].Why, "no space left") {
						t.Errorf("%s: got %+v, want it to be %v", when, r, ok)
					}
				}
				write(o, store)
				store.tried.Store(0)
				is("while all is well", true)
				if store.tried.Load() != 0 {
					t.Error("it is written without need")
				}
				store.full.Store(true)
				write(o, store)
				is("after a write that failed", false)
				time.Sleep(time.Minute)
				if r := h.Ready(t.Context(), false); r.Ready || strings.Contains(r.Parts[0].Why, "no space left") {
					t.Errorf("after the grace time: got %+v, want not ready, and nothing of the disk for everybody", r)
				}
				store.full.Store(false)
				is("once there is room, without traffic", true)
				store.full.Store(true)
				write(o, store)
				is("when it is full again", false)
				store.full.Store(false)
				write(o, store)
				is("after a write that succeeded", true)
				store.slow.Store(true)
				write(o, store)
				is("after a write that waited for a lock", true)
			})
		})
	}
}
