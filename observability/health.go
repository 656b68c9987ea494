package observability

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	checkTime = 2 * time.Second // how long a part may take to answer
	// How long an answer is valid, so that probes do not load a store.
	checkAge   = time.Second
	checkEvery = 2 * time.Second // interval of the regular checks
	// Max time of a probe; for slower parts the previous result is used.
	answerTime = 400 * time.Millisecond
)

// Part is something that the service depends on. If its Checker is a ports.Cached, the part is
// needed, without grace, until it has data the first time, so that a rollout stops while the source
// is away. After that it is Spare.
type Part struct {
	Name    string
	Checker ports.Checker
	// Spare says that the service works without the part, in a degraded state: it stays ready while
	// the part is away. Otherwise, if all nodes lost the part, all of them would get no traffic.
	Spare bool
}

// HealthConfig is what a Health works with.
type HealthConfig struct {
	Parts []Part
	// Grace is how long a part may be away before the service is not ready. Usually all nodes have
	// lost it at once, and then no other node could take the traffic. 0: no grace.
	Grace time.Duration
	Log   *slog.Logger // for parts that go away and come back; may be nil
}

// Health reports whether the process is alive and whether it should get traffic.
type Health struct {
	cfg HealthConfig

	mu     sync.Mutex
	state  State
	drain  window // of the stop, if it has begun
	latest *check // the newest check, perhaps still under way
	parts  []part // results of the last finished check
	known  bool   // a check has finished

	asked []chan error // unanswered checks, by part; used by the current check
}

// State is a state of the service.
type State string

// The states, in their order. A service gets traffic only while it is Serving.
const (
	Starting State = "starting"
	Serving  State = "serving"
	Draining State = "draining"
)

// window is a time that has begun, and its planned end.
type window struct{ from, to time.Time }

// part is the result of the last check of a part.
type part struct {
	err    error
	away   time.Time // since when it has been away; zero: it answers
	cached bool      // it is a ports.Cached
	got    time.Time // its Since
}

// check is one check of all parts.
type check struct {
	done chan struct{} // closed when the parts are set
	at   time.Time     // when it was done
}

// NewHealth returns the health of a service that is Starting. Its parts count as healthy until they
// are checked.
func NewHealth(cfg HealthConfig) *Health {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Health{cfg: cfg, state: Starting, parts: make([]part, len(cfg.Parts)), asked: make([]chan error, len(cfg.Parts))}
}

// Run checks the parts every few seconds until ctx ends, so that their state and its duration are
// known even without probes. It may be called once.
func (h *Health) Run(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		<-h.look(ctx).done // it takes checkTime at most
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Serve sets the state to Serving.
func (h *Health) Serve() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = Serving
}

// Drain says that the service stops, and when it should have stopped: from now on it is not ready.
func (h *Health) Drain(until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.drain = Draining, window{time.Now(), until}
}

// Report is the answer to a probe.
type Report struct {
	Ready bool  `json:"ready"`
	State State `json:"state"`
	// Ready, but a part is away: a spare one, or for less than the grace time.
	Degraded bool         `json:"degraded,omitempty"`
	Parts    []PartReport `json:"parts,omitempty"`
}

// PartReport is the state of one part.
type PartReport struct {
	Name  string     `json:"name"`
	OK    bool       `json:"ok"`
	Why   string     `json:"why,omitempty"`
	Since *time.Time `json:"since,omitempty"` // when it went away
	Age   string     `json:"age,omitempty"`   // of its cached data (keys of tokens), such as 1h2m3s
}

// Ready checks all parts at once, unless that was done within the last second. It takes at most
// half a second: for parts that have not answered by then, it reports the previous result. With
// detail the report has the full errors, which may contain hosts and files; without, it is safe to
// show to anyone.
func (h *Health) Ready(ctx context.Context, detail bool) Report {
	late := time.NewTimer(answerTime)
	defer late.Stop()
	select {
	case <-h.look(ctx).done:
	case <-late.C:
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	report := Report{State: h.state, Ready: h.state == Serving && h.known}
	for i, p := range h.parts {
		one := PartReport{Name: h.cfg.Parts[i].Name, OK: p.err == nil && h.known}
		if p.cached && !p.got.IsZero() {
			one.Age = time.Since(p.got).Round(time.Second).String()
		}
		switch {
		case !h.known:
			one.Why = "it has not answered yet"
		case p.err != nil:
			report.Ready = report.Ready && !h.counts(i, p)
			report.Degraded = true
			one.Since = &p.away
			if one.Why = chat.AsError(p.err).Reason; detail {
				one.Why = p.err.Error()
			}
		}
		report.Parts = append(report.Parts, one)
	}
	report.Degraded = report.Degraded && report.Ready
	return report
}

// counts reports whether a needed part has been away for too long.
func (h *Health) counts(i int, p part) bool {
	switch {
	case p.err == nil:
		return false
	case p.cached:
		return p.got.IsZero()
	}
	return !h.cfg.Parts[i].Spare && time.Since(p.away) >= h.cfg.Grace
}

// look returns the current check, a recent one, or a new one. All callers share a check that is
// under way.
func (h *Health) look(ctx context.Context) *check {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.latest
	if c == nil || !c.at.IsZero() && time.Since(c.at) >= checkAge {
		c = &check{done: make(chan struct{})}
		h.latest = c
		// It takes at most checkTime. The caller may leave earlier.
		go h.ask(context.WithoutCancel(ctx), c)
	}
	return c
}

// ask checks all parts and completes c.
func (h *Health) ask(ctx context.Context, c *check) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	parts := make([]part, len(h.cfg.Parts))
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() { parts[i] = h.askOne(ctx, i) })
	}
	wg.Wait()
	h.mu.Lock()
	c.at = time.Now()
	for i := range parts {
		parts[i] = h.parts[i].now(parts[i], c.at)
		h.tell(h.cfg.Parts[i].Name, h.parts[i], parts[i])
	}
	h.parts, h.known = parts, true
	h.mu.Unlock()
	close(c.done)
}

// askOne checks a part. While a part has not answered the last check, it gets no other one: so a
// part that hangs blocks only one goroutine.
func (h *Health) askOne(ctx context.Context, i int) part {
	checker := h.cfg.Parts[i].Checker
	select {
	case <-h.asked[i]: //nolint:errcheck // too late to be used
		h.asked[i] = nil
	default:
	}
	if h.asked[i] == nil {
		answer := make(chan error, 1)
		h.asked[i] = answer
		go func() { answer <- checker.Check(ctx) }()
	}
	var p part
	select {
	case p.err = <-h.asked[i]:
		h.asked[i] = nil
	case <-ctx.Done():
		select {
		case p.err = <-h.asked[i]: // answered at the last moment
			h.asked[i] = nil
		case <-time.After(checkTime / 20):
			p.err = chat.Wrap(chat.Unavailable, ctx.Err(), "wait for an answer")
		}
	}
	if cache, ok := checker.(ports.Cached); ok {
		p.cached, p.got = true, cache.Since()
	}
	return p
}

// now returns the new state of a part, from the old state p and the result is of a check.
func (p part) now(is part, at time.Time) part {
	switch {
	case is.err == nil:
	case p.err != nil:
		is.away = p.away
	default:
		is.away = at
	}
	return is
}

// tell logs once that a part went away, and once that it is back.
func (h *Health) tell(name string, was, is part) {
	switch {
	case was.err == nil && is.err != nil:
		h.cfg.Log.Warn("a part is away", "part", name, "error", is.err, "grace", h.cfg.Grace)
	case was.err != nil && is.err == nil:
		h.cfg.Log.Info("a part is back", "part", name, "away", time.Since(was.away).Round(time.Millisecond))
	}
}

// Response is an answer to a probe, for any kind of HTTP server.
type Response struct {
	Status int
	Body   []byte // JSON
}

// Live answers /healthz: the process answers, so it is alive. It does not check other parts,
// because a restart would not repair them.
func (h *Health) Live() Response { return Response{http.StatusOK, []byte(`{"live":true}` + "\n")} }

// Readiness answers /readyz: 200 with the report of Ready, or 503.
func (h *Health) Readiness(ctx context.Context, detail bool) Response {
	report := h.Ready(ctx, detail)
	body, err := json.Marshal(report)
	if err != nil {
		panic(err) // cannot fail for a Report
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
	_, _ = w.Write(r.Body) // the probe may be gone
}
