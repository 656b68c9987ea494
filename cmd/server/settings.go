package server

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/observability"
)

const prefix = "PARLEY_"

// Settings reads a Config from flags and the environment. A flag wins over the variable of its
// name: -http-addr over PARLEY_HTTP_ADDR.
type Settings struct {
	cfg   *Config
	flags *flag.FlagSet
	all   []*setting
}

// setting is one line of the table.
type setting struct {
	name, std, help string
	secret          bool               // its value is not shown, and may come from NAME_FILE
	isBool          bool               // -name alone means true
	parse           func(string) error // sets the Config, or says what the value should be
	zero            func() bool        // whether the field of the Config is zero
	show            func() string      // the value in the Config
	given           *string            // the flag's value, or nil
}

// NewSettings returns the table of settings for a command; Load writes to cfg. This is the only
// place that knows names and defaults.
func NewSettings(command string, cfg *Config) *Settings {
	s := &Settings{cfg: cfg, flags: flag.NewFlagSet(command, flag.ContinueOnError)}
	s.flags.SetOutput(io.Discard)
	s.flags.Usage = func() {}

	add(s, &cfg.HTTPAddr, "http-addr", "127.0.0.1:8080", address, "where clients connect, host:port")
	add(s, &cfg.AdminAddr, "admin-addr", "127.0.0.1:8081", address, "where operators connect (/metrics, /readyz), host:port")
	add(s, &cfg.TLSCertFile, "tls-cert-file", "", file, "certificate chain (PEM); with tls-key-file the service speaks TLS")
	add(s, &cfg.TLSKeyFile, "tls-key-file", "", file, "the certificate's key (PEM)")
	add(s, &cfg.TrustedProxies, "trusted-proxies", "", list(network), "networks of proxies whose X-Forwarded-For and X-Forwarded-Prefix are trusted: 10.0.0.0/8,…")
	add(s, &cfg.Origins, "origins", "", list(edge.ParseOrigin), "other web origins that may connect and call: https://app.example, https://*.example.com (subdomains), capacitor://localhost, …, or *")

	add(s, &cfg.StoreURL, "store-url", "", storeURL, "sqlite://PATH, postgres://… or memory:// (unless set: a file in data-dir); several postgres://…, separated by spaces, share the rooms").secret = true
	add(s, &cfg.BusURL, "bus-url", "local://", busURL, "how nodes notify each other: nats://…, redis://…, redis+cluster://…, postgres://…, or local:// for a single node").secret = true
	add(s, &cfg.BusPrefix, "bus-prefix", "parley", busPrefix, "how subjects and channels begin, if several services share a bus")
	add(s, &cfg.DataDir, "data-dir", defaultDataDir, text, "where the service keeps files of its own")
	addNegated(s, &cfg.NoMigrate, "migrate", "true", "bring the store's schema up to date at start")

	add(s, &cfg.JWTPublicKeyFiles, "jwt-public-key-file", "", list(keyFile), "files of the public keys (PEM) that verify tokens, comma-separated")
	add(s, &cfg.JWTJWKSURL, "jwt-jwks-url", "", webURL, "URL of the key set (JWKS) that verifies tokens")
	add(s, &cfg.JWTIssuer, "jwt-issuer", "", text, "the iss that tokens must have")
	add(s, &cfg.JWTAudience, "jwt-audience", "", text, "the aud that tokens must have, or none; must be set with a key set")
	add(s, &cfg.JWTAlgorithms, "jwt-algorithms", "RS256", list(algorithm), "the signature algorithms to accept")
	add(s, &cfg.Development, "development", "false", boolean, "allow development mode (own keys) on an address that others can reach")

	keys := add(s, &cfg.HooksKeys, "hooks-key", "", hooksKeys, "what secrets of hooks are kept under: 32 random bytes in base64; of several the first for new ones (development mode makes one; without any there are no hooks)")
	keys.secret, keys.show = true, func() string { return showHooksKeys(cfg.HooksKeys) }
	add(s, &cfg.HooksAllow, "hooks-allow", "", list(network), "networks that hooks may reach besides public addresses, with http:// too: 10.0.0.0/8,… (unless set: none, and this machine in development mode)")

	addNegated(s, &cfg.NoAutocreate, "rooms-autocreate", "true", "the first message in a room that does not exist makes it, public")
	add(s, &cfg.RoomsPerUser, "rooms-per-user", "100", hourly, "max rooms that each user may make in an hour, or off").
		show = func() string { return showHourly(cfg.RoomsPerUser) }
	add(s, &cfg.AddsPerUser, "adds-per-user", "200", hourly, "max people that each user may add to rooms in an hour, not counting people who are in the room already, or off").
		show = func() string { return showHourly(cfg.AddsPerUser) }
	add(s, &cfg.RateLimit, "rate-limit", "", rate, "what each user may do: RATE/s, RATE/s:BURST, or off (unless set: 20/s:100, and off in development mode)").
		show = func() string { return showRate(cfg.RateLimit) }
	add(s, &cfg.ServiceRate, "service-rate-limit", "", rate, "what each service (a token with the scope chat:act) may do in total, written as rate-limit (unless set: 1000/s:5000, and off in development mode)").
		show = func() string { return showRate(cfg.ServiceRate) }
	addNegated(s, &cfg.NoSearch, "search", "on", "messages can be searched for, and are indexed for that; on or off, alike on all nodes")
	add(s, &cfg.SearchRate, "search-rate-limit", "", rate, "how often each user may search: RATE/s, RATE/s:BURST, or off (unless set: 2/s:20, and off in development mode)").
		show = func() string { return showRate(cfg.SearchRate) }
	add(s, &cfg.Reactions, "reactions", strconv.Itoa(chat.MaxReactions), countUpTo(wire.MaxReactions), fmt.Sprintf("max different emoji that a message may have at once, up to %d, the number that is always shown", wire.MaxReactions))
	add(s, &cfg.Sessions, "sessions", "", count(1), "max connections, a tenth of them without a token (unless set: by the limit on open files)")
	add(s, &cfg.SessionsPerUser, "sessions-per-user", "", countOrOff, "max connections of one user on this node, or off (unless set: 50, and off in development mode)").
		show = func() string { return showCountOrOff(cfg.SessionsPerUser) }
	add(s, &cfg.RoomsPerSession, "rooms-per-session", strconv.Itoa(session.MaxRooms), count(1), "max rooms that one connection may have joined at once")
	add(s, &cfg.Handshakes, "handshakes", "1000", count(1), "max connections being made at once; others are told to try again")
	add(s, &cfg.Joins, "joins", "64", count(1), "max joins that ask the store at once; others wait for their turn")
	add(s, &cfg.FrameBytes, "frame-bytes", "65536", count(1024), "max bytes of a frame from a client")
	add(s, &cfg.AnswerBytes, "answer-bytes", "262144", count(wire.MaxEntryBytes), "max bytes of a frame to a client, and of a page by HTTP; a page ends before it would be larger")
	add(s, &cfg.Heartbeat, "heartbeat", "25s", duration, "time between pings; a client that is silent for two of them is disconnected")
	add(s, &cfg.Replay, "replay", "10000", count(1), "max entries that a join replays after its cursor")
	add(s, &cfg.WriterShards, "writer-shards", "", count(1), "number of groups of connections, each with a goroutine that writes to them, and one that helps with many small rooms (unless set: one for two cores)")
	add(s, &cfg.Linger, "linger", "5ms", linger, "max time that a room with many readers waits under load, to send more entries at once, or off")
	addNegated(s, &cfg.NoCompression, "compression", "true", "compress what is sent to clients that accept it: frames (permessage-deflate) and pages of HTTP (gzip)")
	add(s, &cfg.Sockets, "sockets", "auto", sockets, "how idle connections wait: polled (less memory; Linux, without TLS), goroutine, or auto")
	add(s, &cfg.ReadyGrace, "ready-grace", "10s", grace, "how long the store may be away before the service reports not ready, or off")
	add(s, &cfg.DrainDelay, "drain-delay", "0s", delay, "time between reporting not ready and draining, so that a load balancer notices")
	add(s, &cfg.Drain, "drain", "10s", duration, "how long clients have to go elsewhere when the service stops")
	add(s, &cfg.StopTimeout, "stop-timeout", "", duration, "max time for the whole stop (unless set: drain-delay + drain + 20s)")

	addNegated(s, &cfg.NoMetrics, "metrics", "true", "count what happens, for /metrics on the admin address")
	add(s, &cfg.LogLevel, "log-level", "info", level, "debug, info, warn or error")
	add(s, &cfg.LogFormat, "log-format", "", logFormat, "json or text (unless set: json, and text in development mode)")
	unknown := add(s, &cfg.WarnUnknown, "unknown-settings", "refuse", refuseOrWarn, "what to do about PARLEY_ variables that this release does not know: refuse to start, or warn (while an update is rolled back)")
	unknown.isBool, unknown.show = false, func() string { return showRefuseOrWarn(cfg.WarnUnknown) }
	return s
}

func add[T any](s *Settings, to *T, name, std string, parse func(string) (T, error), help string) *setting {
	_, isBool := any(to).(*bool)
	one := &setting{
		name: name, std: std, help: help, isBool: isBool,
		parse: func(raw string) (err error) { *to, err = parse(raw); return err },
		zero:  func() bool { return reflect.ValueOf(to).Elem().IsZero() },
		show:  func() string { return fmt.Sprint(*to) },
	}
	s.all = append(s.all, one)
	s.flags.Var(one, name, help)
	return one
}

// addNegated adds a boolean setting that is the negation of its field.
func addNegated(s *Settings, off *bool, name, std, help string) {
	one := add(s, off, name, std, boolean, help)
	one.parse = func(raw string) error {
		on, err := onOff(raw)
		*off = err == nil && !on
		return err
	}
	one.show = func() string { return strconv.FormatBool(!*off) }
}

// String returns the default.
func (s *setting) String() string { return s.std }

// Set keeps the value; Load parses it.
func (s *setting) Set(raw string) error { s.given = &raw; return nil }

// IsBoolFlag lets a flag stand without a value.
func (s *setting) IsBoolFlag() bool { return s.isBool }

// Flags returns the flags, so that a command can add some of its own before Load.
func (s *Settings) Flags() *flag.FlagSet { return s.flags }

// Load fills the Config from arguments, without the program's name, and from the environment
// ("NAME=value"). It returns flag.ErrHelp if help is asked for, and otherwise all Faults together.
func (s *Settings) Load(args, environ []string) error {
	faults, err := s.values(args, environ)
	if err != nil {
		return err
	}
	faults = faults.with(s.cfg.broken(faults)...)
	return faults.orNil()
}

// LoadPart is like Load, for a command that needs only some of the settings: it does not check the
// rules that concern several of them.
func (s *Settings) LoadPart(args, environ []string) error {
	faults, err := s.values(args, environ)
	if err != nil {
		return err
	}
	return faults.orNil()
}

func (s *Settings) values(args, environ []string) (faults Faults, err error) {
	if err := s.flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		faults = faults.with(s.badFlag(err))
	}
	env := parley(environ)
	for _, one := range s.all {
		faults = faults.with(one.load(env))
	}
	unknown := s.unknown(env)
	if !s.cfg.WarnUnknown {
		return faults.with(refused(unknown)...), nil
	}
	s.cfg.Unknown = unknown
	return faults, nil
}

// load uses the first that is set: the flag, the variable, the variable's file, or the default.
func (s *setting) load(env map[string]string) Fault {
	name := envName(s.name)
	if s.given != nil {
		return s.apply(*s.given, "-"+s.name)
	}
	if raw := env[name]; strings.TrimSpace(raw) != "" {
		return s.apply(raw, name)
	}
	if path := env[name+"_FILE"]; s.secret && path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return Fault{name + "_FILE", fmt.Sprintf("is a file that cannot be read: %v", err)}
		}
		return s.apply(strings.TrimSpace(string(raw)), name+"_FILE")
	}
	if s.std == "" {
		return Fault{}
	}
	return s.apply(s.std, "default")
}

func (s *setting) apply(raw, from string) Fault {
	err := s.parse(strings.TrimSpace(raw))
	if err == nil {
		return Fault{}
	}
	shown := fmt.Sprintf("%q", raw)
	if s.secret {
		shown = "set"
	}
	if from == "-"+s.name {
		shown += " (by " + from + ")"
	}
	return Fault{envName(s.name), fmt.Sprintf("is %s; it should be %v", shown, err)}
}

// masked is like show, without secrets.
func (s *setting) masked() string {
	if s.secret {
		return observability.MaskURL(s.show())
	}
	return s.show()
}

func envName(flagName string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

func parley(environ []string) map[string]string {
	env := map[string]string{}
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, prefix) {
			env[name] = value
		}
	}
	return env
}

// fromOthers are variables that are not settings: those of tests, and those that Kubernetes sets in
// containers for services called parley or parley-….
var fromOthers = regexp.MustCompile(`^PARLEY_(TEST_.*|(.+_)?SERVICE_(HOST|PORT)(_.*)?|(.+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// unknown finds variables that look like settings but are not: mostly typing errors.
func (s *Settings) unknown(env map[string]string) []Fault {
	known, faults := s.names(), Faults{}
	for name, value := range env {
		link := strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://") // Kubernetes again
		if slices.Contains(known, name) || link || fromOthers.MatchString(name) {
			continue
		}
		faults = faults.with(Fault{name, "is no setting" + suggest(name, known)})
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
	return faults
}

// refused returns the unknown variables that keep the service from starting. Its text helps after a
// rollback of an update.
func refused(unknown []Fault) (faults []Fault) {
	for _, f := range unknown {
		f.Problem += " (if a later release has it, PARLEY_UNKNOWN_SETTINGS=warn starts without it)"
		faults = append(faults, f)
	}
	return faults
}

func (s *Settings) names() (names []string) {
	for _, one := range s.all {
		names = append(names, envName(one.name))
		if one.secret {
			names = append(names, envName(one.name)+"_FILE")
		}
	}
	return names
}

func (s *Settings) badFlag(err error) Fault {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: ")
	if !unknown {
		return Fault{"", err.Error()}
	}
	var known []string
	s.flags.VisitAll(func(f *flag.Flag) { known = append(known, "-"+f.Name) })
	return Fault{name, "is no flag" + suggest(name, known)}
}

// WriteHelp lists the settings with their defaults.
func (s *Settings) WriteHelp(w io.Writer) {
	for _, one := range s.all {
		std := ""
		if one.std != "" {
			std = " (" + one.std + ")"
		}
		fmt.Fprintf(w, "  %-28s -%s%s\n      %s\n", envName(one.name), one.name, std, one.help)
		if one.secret {
			fmt.Fprintf(w, "      (or %s_FILE: a file that holds it)\n", envName(one.name))
		}
	}
}

// LogValue shows the settings that differ from the defaults, without secrets in URLs.
func (c Config) LogValue() slog.Value {
	std, _ := Config{}.withDefaults() // defaults have no faults
	defaults := NewSettings("", &std).all
	var attrs []slog.Attr
	for i, s := range NewSettings("", &c).all {
		if s.show() == defaults[i].show() {
			continue
		}
		attrs = append(attrs, slog.String(s.name, s.masked()))
	}
	return slog.GroupValue(attrs...)
}
