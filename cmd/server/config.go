package server

import (
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/observability"
)

const defaultDataDir = "./parley-data"

// Config is all that can be set. Its zero value is a service for trying out: development mode on
// 127.0.0.1:8080 with a SQLite file in ./parley-data. A field that is zero has the default that
// NewSettings documents under the setting of that name.
type Config struct {
	HTTPAddr       string // host:port; port 0 takes a free one
	AdminAddr      string
	TLSCertFile    string
	TLSKeyFile     string
	TrustedProxies []netip.Prefix
	Origins        []string

	StoreURL  string
	BusURL    string
	BusPrefix string
	DataDir   string
	NoMigrate bool // PARLEY_MIGRATE=false

	JWTPublicKeyFiles []string
	JWTJWKSURL        string
	JWTIssuer         string
	JWTAudience       string
	JWTAlgorithms     []string
	Development       bool // allows development mode on an address that others can reach

	NoAutocreate bool           // PARLEY_ROOMS_AUTOCREATE=false
	RoomsPerUser messaging.Rate // how many rooms each user may make; negative: any number (PARLEY_ROOMS_PER_USER=off)
	AddsPerUser  messaging.Rate // how many people each user may add to rooms; negative: any number (PARLEY_ADDS_PER_USER=off)
	RateLimit    messaging.Rate // of each user; negative: none (PARLEY_RATE_LIMIT=off)
	Reactions    int            // most different emoji that a message may have at once

	Sessions        int
	SessionsPerUser int // negative: no limit (PARLEY_SESSIONS_PER_USER=off)
	RoomsPerSession int
	Handshakes      int
	Joins           int
	FrameBytes      int
	AnswerBytes     int
	Heartbeat       time.Duration
	Replay          int
	WriterShards    int
	Linger          time.Duration // negative: none (PARLEY_LINGER=off)
	Sockets         Sockets
	ReadyGrace      time.Duration // negative: none (PARLEY_READY_GRACE=off)
	DrainDelay      time.Duration
	Drain           time.Duration
	StopTimeout     time.Duration

	NoMetrics bool // PARLEY_METRICS=false
	LogLevel  slog.Level
	LogFormat observability.LogFormat

	WarnUnknown bool            // PARLEY_UNKNOWN_SETTINGS=warn
	Unknown     Faults          // what Load found that is no setting, where that is not to be refused; the log tells of it
	Hangups     <-chan struct{} // hears of each SIGHUP, which the log answers; nil: of none

	Version string    // of the build; empty: what the go command recorded
	Command string    // how this program is called on a command line; empty: parley
	Output  io.Writer // for log lines and what development mode says; nil: standard output
}

// Sockets is how connections wait for what clients send.
type Sockets string

// The ways. Those by TLS have a goroutine each in any case.
const (
	SocketsAuto      Sockets = "auto"      // polled where the system can
	SocketsPolled    Sockets = "polled"    // together, without a goroutine each: less memory (Linux)
	SocketsGoroutine Sockets = "goroutine" // each in a goroutine of its own
)

// InDevelopment reports whether the service makes its own keys, as nothing says whose tokens to
// trust.
func (c Config) InDevelopment() bool { return len(c.JWTPublicKeyFiles) == 0 && c.JWTJWKSURL == "" }

// complete fills what is zero, or returns Faults.
func (c Config) complete() (Config, error) {
	c, faults := c.withDefaults()
	faults = faults.with(c.broken(faults)...)
	if len(faults) > 0 {
		return Config{}, faults
	}
	return c, nil
}

// withDefaults fills what is zero. The rules that concern several settings are not its business.
func (c Config) withDefaults() (Config, Faults) {
	var faults Faults
	for _, s := range NewSettings("", &c).all {
		if s.zero() && s.std != "" {
			faults = faults.with(s.apply(s.std, s.name))
		}
	}
	return c.derived(), faults
}

// derived sets the defaults that depend on other settings and on the machine.
func (c Config) derived() Config {
	if c.StoreURL == "" {
		c.StoreURL = "sqlite://" + filepath.ToSlash(filepath.Join(c.DataDir, "parley.db"))
	}
	if c.Command == "" {
		c.Command = "parley"
	}
	if c.Output == nil {
		c.Output = os.Stdout
	}
	if _, shared := c.Output.(*inTurn); !shared {
		c.Output = &inTurn{to: c.Output}
	}
	if c.Sessions == 0 {
		c.Sessions = maxSessions()
	}
	if c.RateLimit == (messaging.Rate{}) {
		c.RateLimit = forStrangers(c, messaging.Rate{PerSecond: 20, Burst: 100}, messaging.Rate{PerSecond: -1})
	}
	if c.SessionsPerUser == 0 {
		c.SessionsPerUser = forStrangers(c, 50, -1)
	}
	if c.WriterShards == 0 {
		c.WriterShards = (runtime.GOMAXPROCS(0) + 1) / 2 // the kernel and everybody else want some too
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = c.DrainDelay + c.Drain + 20*time.Second
	}
	if c.LogFormat == "" {
		c.LogFormat = observability.JSON
		if c.InDevelopment() {
			c.LogFormat = observability.Text
		}
	}
	return c
}

// forStrangers returns the one where tokens are for users whom nobody here knows, and the other in
// development mode, where whoever tries the service has no use for a limit that they never heard
// of.
func forStrangers[T any](c Config, strangers, development T) T {
	if c.InDevelopment() {
		return development
	}
	return strangers
}
