package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/observability"
)

// looks sends a GET to the admin address and decodes the answer.
func (s service) looks(path string, into any) {
	s.t.Helper()
	status, body := s.ask(http.MethodGet, s.AdminURL()+path, "")
	if err := json.Unmarshal([]byte(body), into); status != http.StatusOK || err != nil {
		s.t.Fatalf("%s: got %d, %v: %s", path, status, err, body)
	}
}

func TestOperatorsLookInside(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	cfg.LogFormat = observability.JSON
	s := start(t, cfg)
	alice, bob := s.enters("alice", "general"), s.enters("bob", "general")
	alice.says("hello")
	bob.sees("message")

	t.Run("rooms", func(t *testing.T) {
		var seen struct {
			Open  int
			Feeds []struct {
				Room            string
				Head, Followers int
				Behind          struct{ Sessions int }
			}
			Hottest []struct {
				Room   string
				Second float64 `json:"deliveries_per_second"`
			}
		}
		for len(seen.Hottest) == 0 && t.Context().Err() == nil { // deliveries are counted after all readers are served
			seen.Hottest = nil
			s.looks("/debug/rooms?by=behind&limit=5", &seen)
		}
		if seen.Open != 1 || seen.Feeds[0].Room != "general" || seen.Feeds[0].Head != 1 || seen.Feeds[0].Followers != 2 {
			t.Errorf("got %+v", seen)
		}
		if len(seen.Hottest) != 1 || seen.Hottest[0].Room != "general" || seen.Hottest[0].Second <= 0 {
			t.Errorf("the hottest are %+v", seen.Hottest)
		}
	})
	t.Run("sessions", func(t *testing.T) {
		var seen struct {
			Open     int
			Sessions []struct {
				Session, User, Remote string
				Cursors               []struct {
					Room   string
					Cursor int
				}
			}
		}
		s.looks("/debug/sessions?user=bob", &seen)
		if seen.Open != 2 || len(seen.Sessions) != 1 || seen.Sessions[0].User != "bob" || seen.Sessions[0].Remote != "127.0.0.1" ||
			seen.Sessions[0].Cursors[0].Cursor != 1 {
			t.Errorf("got %+v", seen)
		}
	})
	t.Run("profiles", func(t *testing.T) {
		for path, want := range map[string]int{
			"/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 404,
			"/debug/pprof/profile?seconds=1": 200,
		} {
			if status, body := s.ask(http.MethodGet, s.AdminURL()+path, ""); status != want || body == "" {
				t.Errorf("%s: got %d, want %d", path, status, want)
			}
		}
	})
	t.Run("a list of what there is", func(t *testing.T) {
		_, body := s.ask(http.MethodGet, s.AdminURL()+"/", "")
		for line := range strings.Lines(body) {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != http.MethodGet {
				continue
			}
			if status, _ := s.ask(http.MethodGet, s.AdminURL()+fields[1], ""); status != http.StatusOK {
				t.Errorf("%s is listed and answers %d", fields[1], status)
			}
		}
	})
	t.Run("and are told what they ask wrongly", func(t *testing.T) {
		for path, want := range map[string]string{
			"/debug/rooms?by=name":        "by must be followers or behind",
			"/debug/sessions?user=":       "user must not be empty: leave it out instead",
			"/debug/rooms?room":           "room must not be empty: leave it out instead",
			"/debug/rooms?limit=0":        "limit must be a whole number from 1 to 1000",
			"/debug/sessions?limit=1001":  "limit must be a whole number from 1 to 1000",
			"/debug/sessions?usr=alice":   `there is no parameter "usr": user, room, limit`,
			"/debug/rooms?limit=1&sort=x": `there is no parameter "sort": room, by, limit`,
		} {
			if status, body := s.ask(http.MethodGet, s.AdminURL()+path, ""); status != http.StatusBadRequest || strings.TrimSpace(body) != want {
				t.Errorf("%s: got %d %s, want %s", path, status, body, want)
			}
		}
	})
}

func TestSettingsAreShownWithoutTheirSecrets(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	cfg.BusURL = "local://user:s3cret@host?password=s3cret"
	s := start(t, cfg)
	var seen []struct {
		Name, Value string
		Default     bool
	}
	s.looks("/debug/settings", &seen)
	found := map[string]string{}
	for _, one := range seen {
		found[one.Name] = one.Value
		if strings.Contains(one.Value, "s3cret") {
			t.Errorf("%s is shown as %s", one.Name, one.Value)
		}
		if std := one.Name == "PARLEY_HEARTBEAT"; std && !one.Default || one.Name == "PARLEY_DRAIN" && one.Default {
			t.Errorf("%s: default is %v", one.Name, one.Default)
		}
	}
	if found["PARLEY_DRAIN"] != "5s" || found["PARLEY_STOP_TIMEOUT"] != "25s" || found["PARLEY_STORE_URL"] != "memory:" && found["PARLEY_STORE_URL"] != "memory://" {
		t.Errorf("got %v", found)
	}
}

func TestTheLogLevelChangesWhileTheServiceRuns(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	s := start(t, cfg)
	level := s.AdminURL() + "/debug/log-level"
	expect := func(want string) {
		t.Helper()
		if _, body := s.ask(http.MethodGet, level, ""); strings.TrimSpace(body) != want {
			t.Errorf("the level is %s, want %s", body, want)
		}
	}
	expect("info")
	log := cfg.Output.(*output)
	s.ask(http.MethodGet, "/healthz", "")
	if strings.Contains(log.String(), "level=DEBUG") {
		t.Error("there are debug lines")
	}
	if status, body := s.ask(http.MethodPut, level, "debug"); status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	expect("debug")
	s.ask(http.MethodGet, "/healthz", "")
	if !strings.Contains(log.String(), "level=DEBUG") {
		t.Error("there are no debug lines")
	}
	for body, query := range map[string]string{"loud": "", "": "", "info": "?for=ever", "debug": "?for=-1s"} {
		if status, _ := s.ask(http.MethodPut, level+query, body); status != http.StatusBadRequest {
			t.Errorf("%q %s: got %d, want 400", body, query, status)
		}
	}
	expect("debug")
	s.ask(http.MethodPut, level+"?for=1h", "error")
	expect("error")
}

func TestALevelForATimeGoesBackByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := server.NewLevels(server.Config{})
		l.Change(-4, time.Minute)
		l.Change(-4, time.Hour) // the later one counts
		time.Sleep(2 * time.Minute)
		if got := l.Level(); got != -4 {
			t.Errorf("got %v before its time was up", got)
		}
		time.Sleep(time.Hour)
		if got := l.Level(); got != 0 {
			t.Errorf("got %v once its time was up", got)
		}
	})
}

func TestPagesInAnOperatorsBrowserGetNothingFromTheAdminAddress(t *testing.T) {
	t.Parallel()
	s := start(t, forTest(t))
	s.enters("alice", "general")
	if status, body := s.ask(http.MethodDelete, s.AdminURL()+"/users/alice/sessions", "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("another origin's page: got %d %s", status, body)
	}
	if status, body := s.ask(http.MethodPut, s.AdminURL()+"/debug/log-level", "debug", "Origin", "https://evil.example"); status != http.StatusForbidden {
		t.Errorf("another origin's page of an old browser: got %d %s", status, body)
	}
	if status, body := s.ask(http.MethodGet, s.AdminURL()+"/debug/sessions", "", "Host", "evil.example:8081"); status != http.StatusMisdirectedRequest || strings.Contains(body, "alice") {
		t.Errorf("a name that somebody pointed here: got %d %s", status, body)
	}
	if status, body := s.ask(http.MethodDelete, s.AdminURL()+"/users/alice/sessions", "", "Host", "localhost"); status != http.StatusOK || !strings.Contains(body, `"disconnected": 1`) {
		t.Errorf("curl: got %d %s", status, body)
	}
}
