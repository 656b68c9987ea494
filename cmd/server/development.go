package server

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/core/chat"
)

// DevelopmentToken signs a token with the key in the data folder, which it makes if there is none.
// It fails if cfg names keys: a service with these settings does not accept such a token.
func DevelopmentToken(cfg Config, grant jwt.Grant) (string, error) {
	cfg, faults := cfg.withDefaults()
	if len(faults) > 0 {
		return "", faults
	}
	if !cfg.InDevelopment() {
		return "", errors.New("with " + ownKeys + " the service accepts only tokens of your own issuer: get one there")
	}
	keys, err := jwt.LoadOrMakeDevKeys(cfg.DataDir)
	if err != nil {
		return "", err
	}
	return sign(keys, grant)
}

// DevelopmentKeyMissing reports whether DevelopmentToken would make a key, and in which folder: a
// service that keeps its files elsewhere does not know that key.
func DevelopmentKeyMissing(cfg Config) (dir string, missing bool) {
	cfg, _ = cfg.withDefaults() // DevelopmentToken returns the faults
	dir = cfg.DataDir
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	_, err := os.Stat(filepath.Join(dir, jwt.DevKeyFile))
	return dir, errors.Is(err, fs.ErrNotExist)
}

// sign signs a token, if the verifier would accept it.
func sign(keys *jwt.DevKeys, grant jwt.Grant) (string, error) {
	if _, err := chat.ParseUserID(grant.Subject); err != nil {
		return "", err
	}
	name, err := chat.ParseName(grant.Name)
	if err != nil {
		return "", err
	}
	grant.Name = name
	for room, role := range grant.Rooms {
		if _, err := chat.ParseRole(role); err != nil {
			return "", fmt.Errorf("grant in %s: %w", room, err)
		}
	}
	if grant.TTL <= 0 {
		return "", chat.Errorf(chat.Invalid, "ttl must be above zero")
	}
	return keys.Sign(grant)
}

// pageTokenTTL is how long a token of the page is valid.
const pageTokenTTL = 24 * time.Hour

// pageKey is the secret that the page needs to get tokens. It is empty if the page gets none: it
// gets them only in development mode on an address that only this machine can reach. A proxy on
// this machine may still let others in, but they do not know the key.
type pageKey string

func newPageKey(cfg Config) (pageKey, error) {
	if !cfg.InDevelopment() || !loopback(cfg.HTTPAddr) {
		return "", nil
	}
	key, err := jwt.LoadOrMakePageKey(cfg.DataDir)
	if err != nil {
		return "", startFailure{"make the key of the page in " + cfg.DataDir, err}
	}
	return pageKey(key), nil
}

// pageKeyHeader carries the page's key: a page of another site cannot send it without a preflight
// request.
const pageKeyHeader = "X-Parley-Page-Key"

// opens reports whether a secret is the page's key. It compares in constant time for a given
// length.
func (k pageKey) opens(secret string) bool {
	return k != "" && subtle.ConstantTimeCompare([]byte(k), []byte(secret)) == 1
}

// tokenRoute gives tokens to the service's own page, so that two browser windows can talk without
// any setup. It also tells the page whether its key is right.
func tokenRoute(keys *jwt.DevKeys, key pageKey) func(fiber.Router) {
	return func(r fiber.Router) {
		r.Use("/dev", func(c *fiber.Ctx) error {
			if !ownPage(c.Get(fiber.HeaderHost), c.Get(fiber.HeaderOrigin), c.Get("Sec-Fetch-Site")) {
				return chat.Errorf(chat.Forbidden, "only the service's own page may ask for tokens")
			}
			return c.Next()
		})
		r.Get("/dev/key", func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderCacheControl, "no-store")
			return c.JSON(map[string]bool{"opens": key.opens(c.Get(pageKeyHeader))})
		})
		r.Post("/dev/token", func(c *fiber.Ctx) error {
			if !key.opens(c.Get(pageKeyHeader)) {
				return chat.Errorf(chat.Forbidden, "open the page by the address that the service printed when it started, with its key")
			}
			// Another site can send a form without a preflight request, but not JSON.
			if kind, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";"); strings.TrimSpace(kind) != fiber.MIMEApplicationJSON {
				return fiber.ErrUnsupportedMediaType
			}
			var ask struct {
				Sub  string `json:"sub"`
				Name string `json:"name"`
			}
			if err := json.Unmarshal(c.Body(), &ask); err != nil {
				return chat.Errorf(chat.BadRequest, "the body must be like {\"sub\":\"alice\",\"name\":\"Alice\"}")
			}
			token, err := sign(keys, jwt.Grant{Subject: ask.Sub, Name: ask.Name, TTL: pageTokenTTL})
			if err != nil {
				return err
			}
			c.Set(fiber.HeaderCacheControl, "no-store")
			return c.JSON(map[string]string{"token": token})
		})
	}
}

// ownPage reports whether a request comes from a page of this service, or not from a browser. The
// host must be a name of this machine: with another name that resolves to it (DNS rebinding)
// another site's page would look like our own.
func ownPage(host, origin, fetchSite string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if ip, err := netip.ParseAddr(name); name != "localhost" && (err != nil || !ip.IsLoopback()) {
		return false
	}
	if fetchSite != "" && fetchSite != "same-origin" {
		return false
	}
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, host)
}

// announce prints for people that this is development mode, where the page is and how to get a
// token.
func announce(w io.Writer, cfg Config, page string) {
	dir := ""
	if cfg.DataDir != defaultDataDir {
		dir = fmt.Sprintf(" -data-dir %q", cfg.DataDir)
	}
	fmt.Fprintf(w, "parley runs in DEVELOPMENT MODE, with keys of its own: open %s ; for a token: %s token%s --sub alice\n",
		page, cfg.Command, dir)
}
