package server_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/observability"
)

func load(args []string, environ ...string) (server.Config, error) {
	var cfg server.Config
	err := server.NewSettings("serve", &cfg).Load(args, environ)
	return cfg, err
}

func TestWithNothingSetTheDefaultsHold(t *testing.T) {
	t.Parallel()
	got, err := load(nil, "HOME=/root", "PARLEY_ORIGINS=")
	if err != nil {
		t.Fatal(err)
	}
	want := server.Config{
		HTTPAddr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:8081", BusURL: "local://", BusPrefix: "parley", DataDir: "./parley-data",
		JWTAlgorithms: []string{"RS256"}, Handshakes: 1000, Joins: 64, FrameBytes: 65536, AnswerBytes: 262144, Heartbeat: 25 * time.Second, Replay: 10_000, Reactions: 50,
		RoomsPerUser: messaging.Rate{PerSecond: 100. / 3600, Burst: 100}, AddsPerUser: messaging.Rate{PerSecond: 200. / 3600, Burst: 200}, Linger: 5 * time.Millisecond, Sockets: server.SocketsAuto, Drain: 10 * time.Second, ReadyGrace: 10 * time.Second, RoomsPerSession: 500,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !got.InDevelopment() {
		t.Error("without keys it is not in development mode")
	}
}

func TestEverySettingCanBeGivenByVariableAndByFlag(t *testing.T) {
	t.Parallel()
	key := publicKeyFile(t)
	beside := map[string][]string{ // settings that a setting needs
		"jwt-jwks-url": {"PARLEY_JWT_AUDIENCE=chat"}, "jwt-audience": {"PARLEY_JWT_JWKS_URL=https://id/keys"},
	}
	for _, row := range []struct {
		name, value string
		get         func(c server.Config) any
		want        any
	}{
		{"http-addr", "localhost:0", func(c server.Config) any { return c.HTTPAddr }, "localhost:0"},
		{"admin-addr", "[::1]:9", func(c server.Config) any { return c.AdminAddr }, "[::1]:9"},
		{
			"trusted-proxies", "10.1.2.3/8, ::1", func(c server.Config) any { return c.TrustedProxies },
			[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		},
		{"origins", "https://a.example/, http://b:1", func(c server.Config) any { return c.Origins }, []string{"https://a.example", "http://b:1"}},
		{"store-url", "sqlite:///var/x.db", func(c server.Config) any { return c.StoreURL }, "sqlite:///var/x.db"},
		{"bus-url", "local://", func(c server.Config) any { return c.BusURL }, "local://"},
		{"bus-prefix", "chat-2_X", func(c server.Config) any { return c.BusPrefix }, "chat-2_X"},
		{"data-dir", "/d", func(c server.Config) any { return c.DataDir }, "/d"},
		{"migrate", "false", func(c server.Config) any { return c.NoMigrate }, true},
		{"jwt-public-key-file", key, func(c server.Config) any { return c.JWTPublicKeyFiles }, []string{key}},
		{"jwt-jwks-url", "https://id/keys", func(c server.Config) any { return c.JWTJWKSURL }, "https://id/keys"},
		{"jwt-audience", "chat", func(c server.Config) any { return c.JWTAudience }, "chat"},
		{"jwt-algorithms", "ES256,EdDSA", func(c server.Config) any { return c.JWTAlgorithms }, []string{"ES256", "EdDSA"}},
		{"development", "true", func(c server.Config) any { return c.Development }, true},
		{"rooms-autocreate", "false", func(c server.Config) any { return c.NoAutocreate }, true},
		{"rate-limit", "50/s:250", func(c server.Config) any { return c.RateLimit }, messaging.Rate{PerSecond: 50, Burst: 250}},
		{"rate-limit", "0.1/s", func(c server.Config) any { return c.RateLimit }, messaging.Rate{PerSecond: 0.1, Burst: 1}},
		{"sessions", "7", func(c server.Config) any { return c.Sessions }, 7},
		{"rate-limit", "off", func(c server.Config) any { return c.RateLimit.PerSecond < 0 }, true},
		{"service-rate-limit", "9/s:90", func(c server.Config) any { return c.ServiceRate }, messaging.Rate{PerSecond: 9, Burst: 90}},
		{"service-rate-limit", "off", func(c server.Config) any { return c.ServiceRate.PerSecond < 0 }, true},
		{"search", "off", func(c server.Config) any { return c.NoSearch }, true},
		{"search", "false", func(c server.Config) any { return c.NoSearch }, true},
		{"search", "on", func(c server.Config) any { return c.NoSearch }, false},
		{"search-rate-limit", "9/s:90", func(c server.Config) any { return c.SearchRate }, messaging.Rate{PerSecond: 9, Burst: 90}},
		{"search-rate-limit", "off", func(c server.Config) any { return c.SearchRate.PerSecond < 0 }, true},
		{"sessions-per-user", "3", func(c server.Config) any { return c.SessionsPerUser }, 3},
		{"sessions-per-user", "off", func(c server.Config) any { return c.SessionsPerUser < 0 }, true},
		{"sessions-per-user", "0", func(c server.Config) any { return c.SessionsPerUser < 0 }, true},
		{"rooms-per-session", "7", func(c server.Config) any { return c.RoomsPerSession }, 7},
		{"frame-bytes", "1024", func(c server.Config) any { return c.FrameBytes }, 1024},
		{"answer-bytes", "65536", func(c server.Config) any { return c.AnswerBytes }, 65536},
		{"heartbeat", "5s", func(c server.Config) any { return c.Heartbeat }, 5 * time.Second},
		{"adds-per-user", "72", func(c server.Config) any { return c.AddsPerUser }, messaging.Rate{PerSecond: 0.02, Burst: 72}},
		{"rooms-per-user", "36", func(c server.Config) any { return c.RoomsPerUser }, messaging.Rate{PerSecond: 0.01, Burst: 36}},
		{"rooms-per-user", "off", func(c server.Config) any { return c.RoomsPerUser }, messaging.Rate{PerSecond: -1}},
		{"reactions", "1", func(c server.Config) any { return c.Reactions }, 1},
		{"replay", "1", func(c server.Config) any { return c.Replay }, 1},
		{"writer-shards", "2", func(c server.Config) any { return c.WriterShards }, 2},
		{"sockets", "goroutine", func(c server.Config) any { return c.Sockets }, server.SocketsGoroutine},
		{"linger", "2ms", func(c server.Config) any { return c.Linger }, 2 * time.Millisecond},
		{"linger", "off", func(c server.Config) any { return c.Linger }, time.Duration(-1)},
		{"drain-delay", "5s", func(c server.Config) any { return c.DrainDelay }, 5 * time.Second},
		{"ready-grace", "off", func(c server.Config) any { return c.ReadyGrace }, -time.Nanosecond},
		{"drain", "1s", func(c server.Config) any { return c.Drain }, time.Second},
		{"stop-timeout", "1m", func(c server.Config) any { return c.StopTimeout }, time.Minute},
		{"log-level", "DEBUG", func(c server.Config) any { return c.LogLevel }, slog.LevelDebug},
		{"log-format", "text", func(c server.Config) any { return c.LogFormat }, observability.Text},
	} {
		variable := "PARLEY_" + strings.ToUpper(strings.ReplaceAll(row.name, "-", "_"))
		for how, cfg := range map[string]func() (server.Config, error){
			"by variable": func() (server.Config, error) { return load(nil, append(beside[row.name], variable+"="+row.value)...) },
			"by flag, over the variable": func() (server.Config, error) {
				return load([]string{"-" + row.name + "=" + row.value}, append(beside[row.name], variable+"=nonsense://")...)
			},
		} {
			c, err := cfg()
			if err != nil {
				t.Errorf("%s %s: %v", row.name, how, err)
			} else if got := row.get(c); !reflect.DeepEqual(got, row.want) {
				t.Errorf("%s %s: got %v, want %v", row.name, how, got, row.want)
			}
		}
	}
}

func TestAsManyReactionsAsAreShownMayBeSet(t *testing.T) {
	t.Parallel()
	if c, err := load(nil, fmt.Sprint("PARLEY_REACTIONS=", wire.MaxReactions)); err != nil || c.Reactions != wire.MaxReactions {
		t.Errorf("got %d, %v", c.Reactions, err)
	}
	want := fmt.Sprint("a whole number from 1 to ", wire.MaxReactions)
	for _, n := range []string{fmt.Sprint(wire.MaxReactions + 1), "100000", "99999999999", "0", "-1", "many", "5.0"} {
		if _, err := load(nil, "PARLEY_REACTIONS="+n); err == nil || !strings.Contains(err.Error(), "PARLEY_REACTIONS") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", n, err, want)
		}
	}
}

func TestABusThatCannotBeUsedIsRefusedByWhatIsWrong(t *testing.T) {
	t.Parallel()
	const store = "PARLEY_STORE_URL=postgres://h/d"
	for bus, want := range map[string]string{
		"nats://a:4222,nats://b:4222":                "",
		"nats://u:s3cret@h?creds=/c":                 "",
		"redis+cluster://:s3cret@h:6379,i:6379":      "",
		"postgres://u:s3cret@h/d?pool_max_conns=3":   "",
		"nats://u:s3cret@h?colour=red":               `no parameter "colour"`,
		"redis://u:s3cret@h,i":                       "several hosts with redis+cluster:// only",
		"rediss://u:s3cret@h?tls_ca=/none":           "/none",
		"postgres://u:s3cret@h:port/d":               "postgres://user:password@host",
		"postgres://u:s3cret@h/d?engine=distributed": "without engine",
		"postgresql://u:s3cret@h/d?sslmode=s3cret":   "its sslmode is wrong",
	} {
		_, err := load(nil, store, "PARLEY_BUS_URL="+bus)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", bus, err, want)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: a secret is shown: %v", bus, err)
		}
	}
	for _, prefix := range []string{"a.b", "a b", "ü", strings.Repeat("x", 41)} {
		if _, err := load(nil, "PARLEY_BUS_PREFIX="+prefix); err == nil {
			t.Errorf("the prefix %q is taken", prefix)
		}
	}
	if _, err := load(nil, "PARLEY_STORE_URL=memory://", "PARLEY_BUS_URL=nats://h"); err == nil || !strings.Contains(err.Error(), "must be local:// where the store is") {
		t.Errorf("a bus beside SQLite: %v", err)
	}
}

func TestAStoreMayBeSeveralDatabases(t *testing.T) {
	t.Parallel()
	for urls, want := range map[string]string{
		"postgres://a,b/d postgres://u:s3cret@c/d\npostgresql://e/d": "",
		"sqlite:///my files/x.db":                                    "",
		"postgres://u:s3cret@a/d sqlite://x.db":                      "of sqlite://… there is one",
		"postgres://u:s3cret@a/d memory://":                          "of memory://… there is one",
		"postgres://u:s3cret@a/d b/d":                                "sqlite://PATH, postgres://",
		"postgres://a/d postgres://u:s3cret@h:x/d":                   "a URL such as postgres://",
		"postgres://u:s3cret@a/d?sslmode=s3cret":                     "its sslmode is wrong",
		"postgres://u:s3cret@a/d?a=b&pool_max_conns=s3cret":          "its pool_max_conns is wrong",
		"postgres://u:s3cret@a:x/d?a=b":                              "/database",
		strings.Repeat("postgres://a/d ", 65):                        "up to 64 URLs",
	} {
		_, err := load(nil, "PARLEY_STORE_URL="+urls)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: got %v, want %q", urls, err, want)
		}
	}
}

func TestAllFaultsAreToldAtOnceByName(t *testing.T) {
	t.Parallel()
	_, err := load([]string{"-drain=soon", "-sessions", "0"},
		"PARLEY_HTTP_ADDR=8080", "PARLEY_ORIGINS=https://a.example,b.example/path", "PARLEY_RATE_LIMIT=50", "PARLEY_LOG_LEVEL=loud",
		"PARLEY_BUS_URL=kafka://u:s3cret@n:9092", "PARLEY_STORE_URL=mysql://u:s3cret@h/d", "PARLEY_HTTP_ADRR=:1", "PARLEY_JWT_ISSUER=me",
		"PARLEY_TLS_CERT_FILE=/does/not/exist", "PARLEY_JWT_ALGORITHMS=none")
	var faults server.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v, want Faults", err)
	}
	var got []string
	for _, f := range faults {
		got = append(got, f.Name)
	}
	want := []string{
		"PARLEY_HTTP_ADDR", "PARLEY_TLS_CERT_FILE", "PARLEY_ORIGINS", "PARLEY_STORE_URL", "PARLEY_BUS_URL", "PARLEY_JWT_ALGORITHMS",
		"PARLEY_RATE_LIMIT", "PARLEY_SESSIONS", "PARLEY_DRAIN", "PARLEY_LOG_LEVEL", "PARLEY_HTTP_ADRR", "PARLEY_JWT_ISSUER",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for _, words := range []string{
		"12 settings are wrong", `PARLEY_DRAIN is "soon" (by -drain); it should be a duration`, "did you mean PARLEY_HTTP_ADDR?",
		"it should be local://, nats://…", "host:port",
	} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q is not said in:\n%v", words, err)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a secret is shown: %v", err)
	}
}

// publicKeyFile writes a public key to a file.
func publicKeyFile(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettingsThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	key := publicKeyFile(t)
	for name, row := range map[string]struct {
		environ []string
		want    string // "": no fault
	}{
		"a certificate without its key":           {[]string{"PARLEY_TLS_CERT_FILE=" + key}, "PARLEY_TLS_CERT_FILE"},
		"a certificate that is none":              {[]string{"PARLEY_TLS_CERT_FILE=" + key, "PARLEY_TLS_KEY_FILE=" + key}, "PARLEY_TLS_CERT_FILE"},
		"a stop shorter than the drain":           {[]string{"PARLEY_DRAIN=1m", "PARLEY_STOP_TIMEOUT=30s"}, "PARLEY_STOP_TIMEOUT"},
		"two ways to get keys":                    {[]string{"PARLEY_JWT_JWKS_URL=http://x/", "PARLEY_JWT_PUBLIC_KEY_FILE=" + key}, "PARLEY_JWT_JWKS_URL"},
		"development with keys":                   {[]string{"PARLEY_JWT_JWKS_URL=http://x/", "PARLEY_DEVELOPMENT=true"}, "PARLEY_DEVELOPMENT"},
		"an issuer without keys":                  {[]string{"PARLEY_JWT_ISSUER=x"}, "PARLEY_JWT_ISSUER"},
		"everybody's address without keys":        {[]string{"PARLEY_HTTP_ADDR=:8080"}, "PARLEY_HTTP_ADDR"},
		"another address without keys":            {[]string{"PARLEY_HTTP_ADDR=192.0.2.1:8080"}, "PARLEY_HTTP_ADDR"},
		"everybody's address, knowingly":          {[]string{"PARLEY_HTTP_ADDR=:8080", "PARLEY_DEVELOPMENT=true"}, ""},
		"everybody's address with keys":           {[]string{"PARLEY_HTTP_ADDR=:8080", "PARLEY_JWT_JWKS_URL=http://x/", "PARLEY_JWT_AUDIENCE=chat"}, ""},
		"a key set, for whom its tokens may be":   {[]string{"PARLEY_JWT_JWKS_URL=http://x/", "PARLEY_JWT_ISSUER=x"}, "PARLEY_JWT_AUDIENCE"},
		"a key set, whomever its tokens are for":  {[]string{"PARLEY_JWT_JWKS_URL=http://x/", "PARLEY_JWT_AUDIENCE=none"}, ""},
		"a key of a file, and no audience":        {[]string{"PARLEY_JWT_PUBLIC_KEY_FILE=" + key}, ""},
		"one address for clients and operators":   {[]string{"PARLEY_ADMIN_ADDR=127.0.0.1:8080"}, "PARLEY_ADMIN_ADDR"},
		"any of this machine's own addresses":     {[]string{"PARLEY_HTTP_ADDR=[::1]:80"}, ""},
		"what Kubernetes says of other services":  {[]string{"PARLEY_SERVICE_HOST=10.0.0.1", "PARLEY_PORT=tcp://10.0.0.1:80", "PARLEY_PORT_80_TCP_ADDR=10.0.0.1", "PARLEY_ADMIN_SERVICE_PORT_HTTP=80"}, ""},
		"what only the tests read":                {[]string{"PARLEY_TEST_POSTGRES_URL=postgres://"}, ""},
		"a flag's fault hides rules that rest on": {[]string{"PARLEY_JWT_PUBLIC_KEY_FILE=/no/such", "PARLEY_HTTP_ADDR=:1"}, "PARLEY_JWT_PUBLIC_KEY_FILE"},
	} {
		_, err := load(nil, row.environ...)
		var faults server.Faults
		errors.As(err, &faults)
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: got %v, want nil", name, err)
		case row.want != "" && (len(faults) != 1 || faults[0].Name != row.want):
			t.Errorf("%s: got %v, want one fault of %s", name, err, row.want)
		}
	}
}

func TestASettingOfALaterReleaseIsRefusedOrWarnedOf(t *testing.T) {
	t.Parallel()
	const later = "PARLEY_HISTORY_DAYS=30"
	for _, environ := range [][]string{{later}, {later, "PARLEY_UNKNOWN_SETTINGS=refuse"}, {later, "PARLEY_UNKNOWN_SETTINGS= "}} {
		if _, err := load(nil, environ...); err == nil || !strings.Contains(err.Error(), "PARLEY_HISTORY_DAYS is no setting") ||
			!strings.Contains(err.Error(), "PARLEY_UNKNOWN_SETTINGS=warn") {
			t.Errorf("%v: got %v, want it to be refused", environ, err)
		}
	}
	if _, err := load(nil, later, "PARLEY_UNKNOWN_SETTINGS=ignore", "PARLEY_DRAIN=never"); err == nil || !strings.Contains(err.Error(), "3 settings are wrong") {
		t.Errorf("got %v, want all that is wrong", err)
	}
	for _, args := range [][]string{nil, {"-unknown-settings=warn"}} {
		cfg, err := load(args, later, "PARLEY_HTP_ADDR=:1", "PARLEY_UNKNOWN_SETTINGS=warn")
		if err != nil || len(cfg.Unknown) != 2 || cfg.HTTPAddr != "127.0.0.1:8080" {
			t.Fatalf("got %+v, %v; want both to be told of", cfg.Unknown, err)
		}
		if args != nil {
			continue
		}
		cfg.HTTPAddr, cfg.AdminAddr, cfg.StoreURL, cfg.DataDir = "127.0.0.1:0", "127.0.0.1:0", "memory://", t.TempDir()
		out := &output{}
		cfg.Output = out
		start(t, cfg)
		for _, want := range []string{"PARLEY_HISTORY_DAYS", "PARLEY_HTP_ADDR", "did you mean PARLEY_HTTP_ADDR?", "level=WARN"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, out)
			}
		}
	}
	if _, err := load(nil, "PARLEY_UNKNOWN_SETTINGS=warn", "PARLEY_DRAIN=never"); err == nil {
		t.Error("a value that is wrong is taken")
	}
}

func TestBlankIsUnset(t *testing.T) {
	t.Parallel()
	cfg, err := load(nil, "PARLEY_HTTP_ADDR= ", "PARLEY_STORE_URL=\t", "PARLEY_DRAIN=", "PARLEY_DATA_DIR=  /d ", "PARLEY_RATE_LIMIT= 5/s:9\n")
	if err != nil || cfg.HTTPAddr != "127.0.0.1:8080" || cfg.StoreURL != "" || cfg.DataDir != "/d" || cfg.RateLimit.Burst != 9 {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

func TestASecretMayComeFromAFileAndIsShownToNobody(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("sqlite://./s3cret.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := load(nil, "PARLEY_STORE_URL_FILE="+path)
	if err != nil || cfg.StoreURL != "sqlite://./s3cret.db" {
		t.Errorf("got %q and %v, want what the file holds", cfg.StoreURL, err)
	}
	if _, err = load(nil, "PARLEY_STORE_URL_FILE=/no/such/file"); err == nil || !strings.Contains(err.Error(), "PARLEY_STORE_URL_FILE") {
		t.Errorf("got %v, want a fault that names the variable", err)
	}
}

func TestAConfigLogsWhatDiffersFromTheDefaultsWithoutSecrets(t *testing.T) {
	t.Parallel()
	cfg, err := load(nil, "PARLEY_DRAIN=3s", "PARLEY_MIGRATE=false", "PARLEY_DATA_DIR=/d")
	if err != nil {
		t.Fatal(err)
	}
	cfg.StoreURL = "postgres://parley:s3cret@db/parley postgres://parley:s3cret@db2/parley"
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("settings", "set", cfg)
	for _, want := range []string{"set.drain=3s", "set.migrate=false", "set.data-dir=/d", "db/parley", "db2/parley"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %s", want, out.String())
		}
	}
	for _, not := range []string{"s3cret", "heartbeat"} {
		if strings.Contains(out.String(), not) {
			t.Errorf("%q is in %s", not, out.String())
		}
	}
}

func TestUnknownFlagsAndHelp(t *testing.T) {
	t.Parallel()
	if _, err := load([]string{"-htp-addr", ":1"}); err == nil || !strings.Contains(err.Error(), "did you mean -http-addr?") {
		t.Errorf("got %v, want the flag that was meant", err)
	}
	if _, err := load([]string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v, want flag.ErrHelp", err)
	}
	var help strings.Builder
	server.NewSettings("", &server.Config{}).WriteHelp(&help)
	for _, want := range []string{"PARLEY_HTTP_ADDR", "-http-addr (127.0.0.1:8080)", "PARLEY_STORE_URL_FILE", "host:port"} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("help lacks %q", want)
		}
	}
}
