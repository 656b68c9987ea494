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
	checkTime  = 2 * time.Second        // for a part to answer
	checkAge   = time.Second            // how long an answer counts, so that probes cannot hammer a store
	checkEvery = 2 * time.Second        // between checks that nobody asks for
	answerTime = 400 * time.Millisecond // for a probe to be answered: by what was known before, if a part takes longer
)

// Part is something that the service works with. One whose Checker is a ports.Cached is needed at
// once and without grace until it got something, so that a rollout stops while the source is away;
// from then on it is Spare.
type Part struct {
	Name    string
	Checker ports.Checker
	// Spare tells that the service goes on without it, if not as well: while it is away the service
	// is degraded, and still ready. Not to be would take all nodes from their users where they all
	// have lost it.
	Spare bool
}

// HealthConfig is what a Health works with.
type HealthConfig struct {
	Parts []Part
	// Grace is how long a part may be away before the service is not ready: every node has lost it,
	// as a rule, and then there is nobody to send the traffic to instead. 0: not at all.
	Grace time.Duration
	Log   *slog.Logger // told when a part goes away and when it is back; nil: nobody is
}

// Health says whether the process lives and whether it should get traffic.
type Health struct {
	cfg HealthConfig

	mu     sync.Mutex
	state  State
	drain  window // of the stop that is under way
	latest *check // the newest check, perhaps still under way
	parts  []part // as they were by the last check that is done
	known  bool   // one is done

	asked []chan error // the questions that parts have not answered; of the check that is under way
}

// State is where the service is in its life.
type State string

// The states, in their order. Only one that is Serving gets traffic.
const (
	Starting State = "starting"
	Serving  State = "serving"
	Draining State = "draining"
)

// window is a time that has begun and an end that it should have.
type window struct{ from, to time.Time }

// part is how a part was, by the last check.
type part struct {
	err    error
	away   time.Time // since when it does not answer; zero where it does
	cached bool      // it is a ports.Cached
	got    time.Time // its Since
}

// check is one look at all parts.
type check struct {
	done chan struct{} // closed when the parts stand
	at   time.Time     // when it was done
}

// NewHealth returns the health of a service that is Starting. Its parts count as well until they
// are checked.
func NewHealth(cfg HealthConfig) *Health {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Health{cfg: cfg, state: Starting, parts: make([]part, len(cfg.Parts)), asked: make([]chan error, len(cfg.Parts))}
}

// Run looks at the parts every few seconds until ctx ends, so that it is known how they are and for
// how long whether somebody asks or not. It is called once.
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

// Serve tells that the service takes traffic from now on.
func (h *Health) Serve() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = Serving
}

// Drain tells that the service stops, and by when it should have: from now on it is not ready.
func (h *Health) Drain(until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.drain = Draining, window{time.Now(), until}
}

// Report is what a probe is told.
type Report struct {
	Ready    bool         `json:"ready"`
	State    State        `json:"state"`
	Degraded bool         `json:"degraded,omitempty"` // ready, but a part is away: a spare one, or for less than the grace time
	Parts    []PartReport `json:"parts,omitempty"`
}

// PartReport is how one part is.
type PartReport struct {
	Name  string     `json:"name"`
	OK    bool       `json:"ok"`
	Why   string     `json:"why,omitempty"`
	Since *time.Time `json:"since,omitempty"` // when it went away
	Age   string     `json:"age,omitempty"`   // of what it goes on with, as 1h2m3s: the keys of tokens
}

// Ready asks the parts, all at once, and not again within a second. It takes half a second at most:
// parts that have not answered by then are told of as they were before. With detail the report
// gives their errors in full, which may tell of hosts and files; without, it is safe to show to
// anyone.
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

// counts reports whether a part that is needed has been away for too long.
func (h *Health) counts(i int, p part) bool {
	switch {
	case p.err == nil:
		return false
	case p.cached:
		return p.got.IsZero()
	}
	return !h.cfg.Parts[i].Spare && time.Since(p.away) >= h.cfg.Grace
}

// look returns the check that tells how the parts are, or were a moment ago: one for all who come
// while it is under way.
func (h *Health) look(ctx context.Context) *check {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.latest
	if c == nil || !c.at.IsZero() && time.Since(c.at) >= checkAge {
		c = &check{done: make(chan struct{})}
		h.latest = c
		go h.ask(context.WithoutCancel(ctx), c) // for checkTime at most; whoever asks may go before
	}
	return c
}

// ask asks all parts and fills c.
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

// askOne asks a part. One that has not answered the last question gets no other, however it hangs:
// it holds up nothing but that.
func (h *Health) askOne(ctx context.Context, i int) part {
	checker := h.cfg.Parts[i].Checker
	select {
	case <-h.asked[i]: //nolint:errcheck // too late: it tells of another time
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
		case p.err = <-h.asked[i]: // just in time
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

// now is how a part is that was p before, by a check that found is.
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

// tell logs that a part went away or is back: a line each, however often it is checked.
func (h *Health) tell(name string, was, is part) {
	switch {
	case was.err == nil && is.err != nil:
		h.cfg.Log.Warn("a part is away", "part", name, "error", is.err, "grace", h.cfg.Grace)
	case was.err != nil && is.err == nil:
		h.cfg.Log.Info("a part is back", "part", name, "away", time.Since(was.away).Round(time.Millisecond))
	}
}

// Response is an answer to a probe, for whatever kind of HTTP server.
type Response struct {
	Status int
	Body   []byte // JSON
}

// Live answers /healthz: the process answers, so it lives. It asks nothing of other parts: a
// restart would not mend those.
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
