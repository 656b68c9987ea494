package observability_test

import (
	"context"
	"encoding/json"
	"errors"
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
)

// checker counts how often it is asked.
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
	h := observability.NewHealth(parts...)
	h.Enter(observability.Serving)
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
	h := observability.NewHealth(observability.Part{Name: "store", Checker: &checker{}})
	for _, step := range []struct {
		state observability.State
		want  int
	}{{observability.Starting, 503}, {observability.Serving, 200}, {observability.Draining, 503}} {
		h.Enter(step.state)
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

func TestAPartThatHangsIsGivenUpAfterTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		report := serving(observability.Part{Name: "store", Checker: &checker{hangs: true}},
			observability.Part{Name: "bus", Checker: &checker{hangs: true}}).Ready(t.Context(), false)
		if report.Ready || time.Since(began) != 2*time.Second {
			t.Errorf("got ready=%v after %v, want false after 2s", report.Ready, time.Since(began))
		}
	})
}

func TestAProbeThatGoesAwaySpoilsNoOthersAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := serving(observability.Part{Name: "store", Checker: &checker{hangs: true}})
		gone, leave := context.WithCancel(t.Context())
		var probes sync.WaitGroup
		probes.Go(func() { h.Ready(gone, false) })
		synctest.Wait()
		probes.Go(func() {
			if report := h.Ready(t.Context(), false); len(report.Parts) != 1 {
				t.Errorf("got %+v, want what the store said", report)
			}
		})
		leave()
		if report := h.Ready(gone, false); report.Ready {
			t.Error("who does not wait for an answer is told that all is well")
		}
		probes.Wait()
	})
}
