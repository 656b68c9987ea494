package observability

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	checkTime = 2 * time.Second // for a part to answer
	checkAge  = time.Second     // how long an answer counts, so that probes cannot hammer a store
)

// Part is something that the service cannot work without.
type Part struct {
	Name    string
	Checker ports.Checker
}

// Health says whether the process lives and whether it should get traffic.
type Health struct {
	parts []Part

	mu     sync.Mutex
	state  State
	latest *check // the newest check, perhaps still under way
}

// State is where the service is in its life.
type State string

// The states, in their order. Only one that is Serving gets traffic.
const (
	Starting State = "starting"
	Serving  State = "serving"
	Draining State = "draining"
)

// check is one look at all parts.
type check struct {
	done    chan struct{} // closed when results stand
	at      time.Time     // when it was done
	results []result
}

type result struct {
	name string
	err  error
}

// NewHealth returns the health of a service that is Starting and needs parts.
func NewHealth(parts ...Part) *Health { return &Health{parts: parts, state: Starting} }

// Enter tells where the service is in its life.
func (h *Health) Enter(s State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = s
}

// Report is what a probe is told.
type Report struct {
	Ready bool         `json:"ready"`
	State State        `json:"state"`
	Parts []PartReport `json:"parts,omitempty"`
}

// PartReport is how one part is.
type PartReport struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// Ready asks the parts, all at once, for 2 s at most, and not again within a second. With detail the report gives their errors in
// full, which may tell of hosts and files; without, it is safe to show to anyone.
func (h *Health) Ready(ctx context.Context, detail bool) Report {
	results, err := h.look(ctx)
	h.mu.Lock()
	report := Report{State: h.state, Ready: h.state == Serving && err == nil}
	h.mu.Unlock()
	for _, r := range results {
		p := PartReport{Name: r.name, OK: r.err == nil}
		if r.err != nil {
			report.Ready = false
			if p.Why = chat.AsError(r.err).Reason; detail {
				p.Why = r.err.Error()
			}
		}
		report.Parts = append(report.Parts, p)
	}
	return report
}

// look returns what the parts say, or said a moment ago. Who comes while they are asked waits for the same answer.
func (h *Health) look(ctx context.Context) ([]result, error) {
	h.mu.Lock()
	c := h.latest
	if c == nil || !c.at.IsZero() && time.Since(c.at) >= checkAge {
		c = &check{done: make(chan struct{})}
		h.latest = c
		h.mu.Unlock()
		h.ask(ctx, c)
		return c.results, nil
	}
	h.mu.Unlock()
	select {
	case <-c.done:
		return c.results, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask fills c. It goes on when the probe that it began for has gone: others wait for it.
func (h *Health) ask(ctx context.Context, c *check) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
	defer cancel()
	c.results = make([]result, len(h.parts))
	var wg sync.WaitGroup
	for i, part := range h.parts {
		wg.Go(func() { c.results[i] = result{part.Name, part.Checker.Check(ctx)} })
	}
	wg.Wait()
	h.mu.Lock()
	c.at = time.Now()
	h.mu.Unlock()
	close(c.done)
}

// Response is an answer to a probe, for whatever kind of HTTP server.
type Response struct {
	Status int
	Body   []byte // JSON
}

// Live answers /healthz: the process answers, so it lives. It asks nothing of other parts: a restart would not mend those.
func (h *Health) Live() Response { return Response{http.StatusOK, []byte(`{"live":true}` + "\n")} }

// Readiness answers /readyz: 200 with the report of Ready, or 503.
func (h *Health) Readiness(ctx context.Context, detail bool) Response {
	report := h.Ready(ctx, detail)
	body, err := json.Marshal(report)
	if err != nil {
		panic(err) // a Report is strings and booleans
	}
	status := http.StatusOK
	if !report.Ready {
		status = http.StatusServiceUnavailable
	}
	return Response{status, append(body, '\n')}
}

// LiveHandler serves Live.
func (h *Health) LiveHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { h.Live().write(w) })
}

// ReadyHandler serves Readiness.
func (h *Health) ReadyHandler(detail bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.Readiness(r.Context(), detail).write(w) })
}

func (r Response) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body) // a probe that went away needs no answer
}
