package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/cmd/server"
)

const wantedHook = `{"url":"http://127.0.0.1:9/","rooms":["*"]}`

// asAdmin makes a request with a token of development mode.
func (s service) asAdmin(cfg server.Config, method, path, body string) (int, string) {
	s.t.Helper()
	token, err := server.DevelopmentToken(cfg, jwt.Grant{Subject: "root", Scope: "chat:admin", TTL: time.Minute})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.ask(method, path, body, "Authorization", "Bearer "+token, "Content-Type", "application/json")
}

func TestDevelopmentModeMakesAKeyForHooksAndKeepsIt(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	path := filepath.Join(cfg.DataDir, "hooks.key")
	var before []byte
	for range 2 {
		s := start(t, cfg)
		if status, body := s.asAdmin(cfg, http.MethodPost, "/v1/hooks", wantedHook); status != http.StatusCreated {
			t.Errorf("got %d %s", status, body)
		}
		key, err := os.ReadFile(path)
		if err != nil || before != nil && !bytes.Equal(key, before) {
			t.Errorf("the key is another one, or not there: %v", err)
		}
		before = key
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("others may read it: %v, %v", info.Mode(), err)
		}
	}
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "hooks.key holds no key") {
		t.Errorf("with rubbish in the file: %v", err)
	}
}

func TestWhereHooksMayGoIsTheOperatorsToSay(t *testing.T) {
	t.Parallel()
	var cfg server.Config
	environ := []string{"PARLEY_HOOKS_ALLOW=10.0.0.0/8", "PARLEY_HOOKS_KEY=" + hex.EncodeToString(bytes.Repeat([]byte{7}, 32))}
	if err := server.NewSettings("", &cfg).Load(nil, environ); err != nil {
		t.Fatal(err)
	}
	base := forTest(t)
	base.HooksAllow, base.HooksKeys = cfg.HooksAllow, cfg.HooksKeys
	s := start(t, base)
	if status, body := s.asAdmin(base, http.MethodPost, "/v1/hooks", wantedHook); status != http.StatusUnprocessableEntity {
		t.Errorf("to this machine: got %d %s", status, body)
	}
	if status, body := s.asAdmin(base, http.MethodPost, "/v1/hooks", strings.Replace(wantedHook, "127.0.0.1", "10.1.2.3", 1)); status != http.StatusCreated {
		t.Errorf("to a network that is allowed: got %d %s", status, body)
	}
	if _, err := os.Stat(filepath.Join(base.DataDir, "hooks.key")); err == nil {
		t.Error("a key was made beside the one that is set")
	}
	_, settings := s.ask(http.MethodGet, s.AdminURL()+"/debug/settings", "")
	if !strings.Contains(settings, "PARLEY_HOOKS_KEY") || strings.Contains(settings, "0707") || strings.Contains(settings, "7 7 7") {
		t.Errorf("the settings show the key: %s", settings)
	}
}

func TestKeysOfHooksThatAreNone(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	for value, ok := range map[string]bool{
		good: true, good + "," + good: true, strings.TrimRight(good, "="): true, "secret": false, good[4:]: false, good + "," + good[4:]: false,
		hex.EncodeToString(make([]byte, 31)): false,
	} {
		var cfg server.Config
		err := server.NewSettings("", &cfg).Load(nil, []string{"PARLEY_HOOKS_KEY=" + value})
		if (err == nil) != ok {
			t.Errorf("%q: %v", value, err)
		}
		if err != nil && strings.Contains(err.Error(), value) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	var cfg server.Config
	if err := server.NewSettings("", &cfg).Load(nil, []string{"PARLEY_HOOKS_ALLOW=everywhere"}); err == nil {
		t.Error("a network that is none was taken")
	}
}
