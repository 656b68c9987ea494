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

// Config has all settings. Its zero value is a service to try out: development mode on
// 127.0.0.1:8080 with a SQLite file in ./parley-data. A zero field means the default that
// NewSettings documents for the setting of that name.
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
	Development       bool // allows development mode on an address that other machines can reach

	// Keys of 32 bytes each; the first one encrypts new secrets. Empty: no hooks, except in
	// development mode.
	HooksKeys  [][]byte
	HooksAllow []netip.Prefix // networks that hooks may reach besides public addresses

	NoAutocreate bool           // PARLEY_ROOMS_AUTOCREATE=false
	RoomsPerUser messaging.Rate // rooms that each user may make; negative: off
	AddsPerUser  messaging.Rate // people that each user may add to rooms; negative: off
	RateLimit    messaging.Rate // of each user; negative: off
	ServiceRate  messaging.Rate // of each service; negative: off
	NoSearch     bool           // PARLEY_SEARCH=off
	SearchRate   messaging.Rate // of searches of each user; negative: off
	Reactions    int            // max different emoji of a message at a time

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
	NoCompression   bool          // PARLEY_COMPRESSION=false
	Sockets         Sockets
	ReadyGrace      time.Duration // negative: none (PARLEY_READY_GRACE=off)
	DrainDelay      time.Duration
	Drain           time.Duration
	StopTimeout     time.Duration

	NoMetrics bool // PARLEY_METRICS=false
	LogLevel  slog.Level
	LogFormat observability.LogFormat

	WarnUnknown bool            // PARLEY_UNKNOWN_SETTINGS=warn
	Unknown     Faults          // unknown settings that Load did not refuse; they are logged
	Hangups     <-chan struct{} // receives each SIGHUP, which is only logged; may be nil

	Version string    // of the build; empty: the version that the go command recorded
	Command string    // the name of this program on a command line; empty: parley
	Output  io.Writer // for log lines and the text of development mode; nil: standard output
}

// Sockets is how connections wait for input.
type Sockets string

// TLS connections always have a goroutine each.
const (
	SocketsAuto Sockets = "auto" // polled if the system supports it
	// Polled together, without a goroutine each: less memory (Linux).
	SocketsPolled    Sockets = "polled"
	SocketsGoroutine Sockets = "goroutine" // one goroutine for each
)

// InDevelopment reports whether the service makes its own keys, because no setting says whose
// tokens to trust.
func (c Config) InDevelopment() bool { return len(c.JWTPublicKeyFiles) == 0 && c.JWTJWKSURL == "" }

// complete fills zero fields with their defaults, or returns Faults.
func (c Config) complete() (Config, error) {
	c, faults := c.withDefaults()
	faults = faults.with(c.broken(faults)...)
	if len(faults) > 0 {
		return Config{}, faults
	}
	return c, nil
}

// withDefaults fills zero fields. It does not check the rules that concern several settings.
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
	if c.ServiceRate == (messaging.Rate{}) {
		c.ServiceRate = forStrangers(c, messaging.Rate{PerSecond: 1000, Burst: 5000}, messaging.Rate{PerSecond: -1})
	}
	if c.SearchRate == (messaging.Rate{}) {
		c.SearchRate = forStrangers(c, messaging.Rate{PerSecond: 2, Burst: 20}, messaging.Rate{PerSecond: -1})
	}
	if len(c.HooksAllow) == 0 && c.InDevelopment() {
		c.HooksAllow = thisMachine
	}
	if c.SessionsPerUser == 0 {
		c.SessionsPerUser = forStrangers(c, 50, -1)
	}
	if c.WriterShards == 0 {
		c.WriterShards = (runtime.GOMAXPROCS(0) + 1) / 2 // the kernel and other work need CPUs too
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

// forStrangers returns strangers, or development in development mode: somebody who tries the
// service should not meet a limit that they do not know of.
func forStrangers[T any](c Config, strangers, development T) T {
	if c.InDevelopment() {
		return development
	}
	return strangers
}
