package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/adapters/httpd"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/revocation"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// adminHelp is the text at the root of the admin address.
const adminHelp = `Parley, for operators. Keep this address to yourselves: it has no password.

GET    /healthz                      the process lives
GET    /readyz                       should it get traffic; which parts are away, and why
GET    /metrics                      for Prometheus
GET    /debug/rooms                  open feeds, most followers first: ?by=behind, ?room=, ?limit=; and the hottest rooms
GET    /debug/sessions               connections, furthest behind first: ?user=, ?room=, ?limit=
GET    /debug/consumers              how far consumers of rooms are behind, and where they are stuck: ?consumer=
GET    /debug/settings               what is set, and what it comes to; secrets are masked
GET    /debug/build                  which program this is
GET    /debug/log-level              debug, info, warn or error
PUT    /debug/log-level              curl -X PUT -d debug '…/debug/log-level?for=10m'
GET    /debug/pprof/                 profiles: go tool pprof http://…/debug/pprof/profile?seconds=10
DELETE /users/{user}/sessions        end a user's sessions, on all nodes; they may come back
DELETE /users/{user}/tokens          take back a user's tokens that were issued until now (and 30 s on: clocks differ), and end their sessions
`

type adminParts struct {
	observer  *observability.Observer
	health    *observability.Health
	sessions  ports.Sessions
	inspector ports.Inspector
	level     *levels
	log       *slog.Logger
	bus       ports.Bus
	guard     *revocation.Guard
	runner    *consuming.Runner
}

func newAdmin(
	cfg Config, o *observability.Observer, h *observability.Health, s ports.Sessions, i ports.Inspector, l *levels, log *slog.Logger,
	b ports.Bus, g *revocation.Guard, r *consuming.Runner,
) *httpd.Admin {
	return httpd.NewAdmin(cfg.AdminAddr, adminParts{o, h, s, i, l, log, b, g, r}.handler(cfg))
}

func (p adminParts) handler(cfg Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { writeText(w, adminHelp) })
	mux.Handle("GET /healthz", p.health.LiveHandler())
	mux.Handle("GET /readyz", p.health.ReadyHandler(true))
	mux.Handle("GET /metrics", p.observer.Metrics())
	mux.Handle("GET /debug/rooms", answers(p.rooms))
	mux.Handle("GET /debug/sessions", answers(p.seenSessions))
	mux.HandleFunc("GET /debug/consumers", p.consumers)
	mux.Handle("GET /debug/settings", answers(func(url.Values) (any, error) { return cfg.effective(), nil }))
	mux.Handle("GET /debug/build", answers(func(url.Values) (any, error) { return observability.ReadBuild(cfg.Version), nil }))
	mux.HandleFunc("GET /debug/log-level", p.showLevel)
	mux.HandleFunc("PUT /debug/log-level", p.changeLevel)
	// Without pprof.Cmdline: flags may hold a password.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("DELETE /users/{user}/sessions", p.disconnect)
	mux.HandleFunc("DELETE /users/{user}/tokens", p.revoke)
	return guarded(cfg.AdminAddr, mux)
}

// guarded protects this address from web pages that an operator has open in a browser. Pages of
// another origin may not change anything. If only this machine can reach the address, the request's
// host must be this machine: otherwise a page could have its own name resolve to this address and
// read the answers.
func guarded(addr string, next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	if !loopback(addr) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !local(r.Host) {
			http.Error(w, "use localhost or 127.0.0.1 as the host: this address is for this machine only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// local reports whether a Host header is localhost or an IP address, and not a name that DNS may
// resolve.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// answers serves the result of look as JSON.
func answers(look func(query url.Values) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown, err := look(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeJSON(w, shown)
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) //nolint:errchkjson // values can be encoded, and the operator may have hung up
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprint(w, text) // the operator may have hung up
}

const (
	limitStd = 100
	maxLimit = 1000
	hotRooms = 20
)

// query reads the limit, and refuses parameters other than names, and empty ones.
func query(q url.Values, names ...string) (limit int, err error) {
	for name := range q {
		switch {
		case !slices.Contains(names, name):
			return 0, fmt.Errorf("there is no parameter %q: %s", name, strings.Join(names, ", "))
		case q.Get(name) == "":
			return 0, fmt.Errorf("%s must not be empty: leave it out instead", name)
		}
	}
	limit = limitStd
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxLimit {
			return 0, fmt.Errorf("limit must be a whole number from 1 to %d", maxLimit)
		}
	}
	return limit, nil
}

func (p adminParts) rooms(q url.Values) (any, error) {
	limit, err := query(q, "room", "by", "limit")
	if err != nil {
		return nil, err
	}
	by := q.Get("by")
	if by != "" && by != "followers" && by != "behind" {
		return nil, errors.New("by must be followers or behind")
	}
	return struct {
		ports.FeedsSeen
		Hottest []observability.HotRoom `json:"hottest"`
	}{
		p.inspector.InspectFeeds(ports.FeedQuery{Room: chat.RoomID(q.Get("room")), Behind: by == "behind", Limit: limit}),
		p.observer.Hottest(hotRooms),
	}, nil
}

func (p adminParts) seenSessions(q url.Values) (any, error) {
	limit, err := query(q, "user", "room", "limit")
	if err != nil {
		return nil, err
	}
	return p.inspector.InspectSessions(ports.SessionQuery{
		User: chat.UserID(q.Get("user")), Room: chat.RoomID(q.Get("room")), Limit: limit,
	}), nil
}

// consumers shows what this node's runner does, and how far consumers are behind on all nodes.
func (p adminParts) consumers(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if _, err := query(q, "consumer"); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	behind := make([]consuming.Behind, 1)
	var err error
	if q.Has("consumer") {
		behind[0], err = p.runner.Behind(r.Context(), q.Get("consumer"))
	} else {
		behind, err = p.runner.AllBehind(r.Context())
	}
	if err != nil {
		status := http.StatusServiceUnavailable
		if errors.Is(err, chat.NotFound) {
			status = http.StatusNotFound
		}
		http.Error(w, chat.AsError(err).Reason, status)
		return
	}
	writeJSON(w, struct {
		consuming.Seen
		Behind []consuming.Behind `json:"behind"`
	}{p.runner.Inspect(), behind})
}

// disconnect ends a user's sessions on all nodes. The user may connect again, unless the token is
// refused by then. The answer has the number of sessions on this node, and says whether the other
// nodes were told.
func (p adminParts) disconnect(w http.ResponseWriter, r *http.Request) {
	user := chat.UserID(r.PathValue("user"))
	answer := struct {
		Disconnected int  `json:"disconnected"`
		Told         bool `json:"others_told"`
	}{p.sessions.Disconnect(user), p.bus.Tell(r.Context(), ports.Disconnected{User: user}) == nil}
	writeJSON(w, answer)
}

// revoke revokes the tokens of a user that were issued until now, on all nodes.
func (p adminParts) revoke(w http.ResponseWriter, r *http.Request) {
	user, err := chat.ParseUserID(r.PathValue("user"))
	if err != nil {
		http.Error(w, chat.AsError(err).Reason, http.StatusBadRequest)
		return
	}
	revoked, err := p.guard.Revoke(r.Context(), user)
	if err != nil {
		p.log.Warn("tokens could not be revoked", "user", user, "error", err)
		http.Error(w, "try again, the tokens may not be revoked: "+chat.AsError(err).Reason, http.StatusServiceUnavailable)
		return
	}
	p.log.Info("tokens were revoked", "user", user, "until", revoked.Until)
	writeJSON(w, map[string]any{"user": user, "revoked_until": revoked.Until})
}

// levels is the log level, which can be changed while the service runs.
type levels struct {
	slog.LevelVar
	std slog.Level

	mu   sync.Mutex
	back *time.Timer // sets the level back to std; nil: none
}

func newLevels(cfg Config) *levels {
	l := &levels{std: cfg.LogLevel}
	l.Set(cfg.LogLevel)
	return l
}

// change sets the level; if until is above zero, for that long.
func (l *levels) change(to slog.Level, until time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.back != nil {
		l.back.Stop()
		l.back = nil
	}
	l.Set(to)
	if until > 0 {
		l.back = time.AfterFunc(until, func() { l.change(l.std, 0) })
	}
}

func (p adminParts) showLevel(w http.ResponseWriter, _ *http.Request) {
	writeText(w, strings.ToLower(p.level.Level().String())+"\n")
}

// changeLevel reads the level from the body, and the duration from the parameter for.
func (p adminParts) changeLevel(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16))
	if err != nil {
		return // the client is gone
	}
	to, err := level(strings.TrimSpace(string(body)))
	if err != nil {
		http.Error(w, "the body should be "+err.Error(), http.StatusBadRequest)
		return
	}
	var until time.Duration
	if q := r.URL.Query(); q.Has("for") {
		if until, err = duration(q.Get("for")); err != nil {
			http.Error(w, "for should be "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	p.level.change(to, until)
	// A warning, so that it is seen at any level.
	p.log.Warn("the log level was changed", "level", to, "for", until)
	p.showLevel(w, r)
}

// effective is the present value of a setting.
type effective struct {
	Name    string `json:"name"` // of the variable
	Value   string `json:"value"`
	Default bool   `json:"default"` // it is not set otherwise
	Help    string `json:"help"`
}

// effective returns all settings, without secrets.
func (c Config) effective() []effective {
	std, _ := Config{}.withDefaults() // defaults have no faults
	defaults := NewSettings("", &std).all
	var list []effective
	for i, s := range NewSettings("", &c).all {
		list = append(list, effective{envName(s.name), s.masked(), s.show() == defaults[i].show(), s.help})
	}
	return list
}
