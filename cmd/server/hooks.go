package server

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/fx"

	"github.com/parley-chat/parley/adapters/webhook"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// hooksKeyFile is the file in the data folder with the key of development mode.
const hooksKeyFile = "hooks.key"

// thisMachine is what hooks may reach besides public addresses in development mode, so that a bot
// can be tried out.
var thisMachine = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// hooksKey reads a key that encrypts the secrets of hooks.
func hooksKey(s string) ([]byte, error) {
	bad := errors.New("32 random bytes in base64, such as openssl rand -base64 32 gives")
	for _, decode := range []func(string) ([]byte, error){
		base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
		hex.DecodeString,
	} {
		if key, err := decode(s); err == nil && len(key) == hooks.KeyBytes {
			return key, nil
		}
	}
	return nil, bad
}

// hooksKeys reads several keys. No key is shown in an error.
func hooksKeys(s string) (keys [][]byte, err error) {
	for part := range strings.SplitSeq(s, ",") {
		key, err := hooksKey(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// showHooksKeys tells only whether there are keys.
func showHooksKeys(keys [][]byte) string {
	if len(keys) == 0 {
		return ""
	}
	return "set"
}

// newHookKeys returns the keys that encrypt the secrets of hooks. It returns nil if there is no
// key: then no hook can be made. In development mode it makes one.
func newHookKeys(cfg Config) (*hooks.Keys, error) {
	all := cfg.HooksKeys
	if len(all) == 0 && cfg.InDevelopment() {
		key, err := loadOrMakeHooksKey(cfg.DataDir)
		if err != nil {
			return nil, startFailure{"make the key of hooks in " + cfg.DataDir, err}
		}
		all = [][]byte{key}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return hooks.NewKeys(all...)
}

// loadOrMakeHooksKey reads the key in a data folder. It makes the folder and the key if they do not
// exist.
func loadOrMakeHooksKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, hooksKeyFile)
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // the operator names the folder
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // as above
	if err == nil {
		key := make([]byte, hooks.KeyBytes)
		_, _ = rand.Read(key) // it never fails
		_, err = file.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	text, err := os.ReadFile(path) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	key, err := hooksKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s holds no key: delete it, and another is made; the secrets that hooks have are lost then", hooksKeyFile)
	}
	return key, nil
}

func newCourier(cfg Config, l *life) ports.Courier {
	c := webhook.New(webhook.Config{Allow: cfg.HooksAllow})
	l.opened(func() error { c.Close(); return nil })
	return c
}

type hookParts struct {
	fx.In
	Store     Store
	Log       ports.Log
	Directory ports.Directory
	Writer    ports.Writer
	Limiter   ports.Limiter
	Courier   ports.Courier
	Runner    *consuming.Runner
	Bus       ports.Bus
	Observer  ports.Observer
	Hub       *session.Hub
	Signals   *hooks.Signals
}

func newHooks(cfg Config, p hookParts) (*hooks.Service, error) {
	keys, err := newHookKeys(cfg)
	if err != nil {
		return nil, err
	}
	return hooks.New(hooks.Config{
		Store: p.Store, Log: p.Log, Directory: p.Directory, Cursors: p.Store, Consumers: p.Store, Writer: p.Writer, Courier: p.Courier,
		Runner: p.Runner, Bus: p.Bus, Observer: p.Observer, Pack: wire.AppendBatch, Test: wire.AppendTest, Signals: p.Signals, PackSignals: wire.AppendSignals, Read: wire.ReadAnswer, Keys: keys, Limiter: p.Limiter, Has: p.Hub.Has,
	}), nil
}
