package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/parley-chat/parley/core/messaging"
)

func TestStrangersAreLimitedUnlessItIsSaidOtherwise(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		keys        bool
		rate        messaging.Rate
		sessions    int
		wantRate    string
		wantPerUser string
	}{
		"with keys of one's own":             {keys: true, wantRate: "20/s:100", wantPerUser: "50"},
		"in development mode":                {wantRate: "off", wantPerUser: "off"},
		"with keys, and limits of one's own": {keys: true, rate: messaging.Rate{PerSecond: 0.5, Burst: 3}, sessions: 2, wantRate: "0.5/s:3", wantPerUser: "2"},
		"with keys, and none on purpose":     {keys: true, rate: messaging.Rate{PerSecond: -1}, sessions: -1, wantRate: "off", wantPerUser: "off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := forTest(t)
			cfg.RateLimit, cfg.SessionsPerUser = row.rate, row.sessions
			if row.keys {
				cfg.JWTPublicKeyFiles, cfg.JWTAlgorithms = []string{publicKeyFile(t)}, []string{"EdDSA"}
			}
			s := start(t, cfg)
			_, settings := s.ask(http.MethodGet, s.AdminURL()+"/debug/settings", "")
			for name, want := range map[string]string{"PARLEY_RATE_LIMIT": row.wantRate, "PARLEY_SESSIONS_PER_USER": row.wantPerUser, "PARLEY_ROOMS_PER_SESSION": "500"} {
				if !strings.Contains(settings, `"name": "`+name+"\",\n    \"value\": \""+want+`"`) {
					t.Errorf("%s is not %s in\n%s", name, want, settings)
				}
			}
		})
	}
}
