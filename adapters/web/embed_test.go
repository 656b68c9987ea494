package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/web"
)

// TestTheElements runs the tests of @parley-chat/elements that need no browser.
func TestTheElements(t *testing.T) {
	t.Parallel()
	inNode(t, "node", "elements", "tests/*.test.ts")
}

func TestPagesOfAllOriginsMayLoadTheElements(t *testing.T) {
	t.Parallel()
	app := newApp(false)
	for _, name := range []string{"/embed.js", "/embed-more.js", "/embed-de.js", "/embed-ru.js"} {
		plain := ask(t, app, http.MethodGet, name)
		if plain.status != http.StatusOK || !strings.Contains(plain.body, "export{") {
			t.Errorf("%s: %d, %.60q", name, plain.status, plain.body)
		}
		for header, want := range map[string]string{
			"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin", "X-Content-Type-Options": "nosniff",
			"Content-Type": "text/javascript; charset=utf-8", "Content-Encoding": "", "Vary": "Accept-Encoding",
		} {
			if got := plain.header.Get(header); got != want {
				t.Errorf("%s: %s %q, want %q", name, header, got, want)
			}
		}
		for coding, limit := range map[string]int{"br": len(plain.body) / 2, "gzip": len(plain.body) / 2} {
			packed := ask(t, app, http.MethodGet, name, "Accept-Encoding", coding)
			if got := packed.header.Get("Content-Encoding"); got != coding || len(packed.body) > limit {
				t.Errorf("%s: %d bytes in %q, want %s", name, len(packed.body), got, coding)
			}
			tag := packed.header.Get("ETag")
			if again := ask(t, app, http.MethodGet, name, "Accept-Encoding", coding, "If-None-Match", tag); again.status != http.StatusNotModified || again.body != "" {
				t.Errorf("%s in %s again: %d", name, coding, again.status)
			}
		}
		at := plain.header.Get("Content-Location")
		kept := ask(t, app, http.MethodGet, at)
		if kept.body != plain.body || !strings.Contains(kept.header.Get("Cache-Control"), "immutable") || strings.Contains(plain.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s has %d, %q", name, at, kept.status, kept.header.Get("Cache-Control"))
		}
	}
	// What the main file loads later is there by the name that it has for it.
	body := ask(t, app, http.MethodGet, "/embed.js").body
	_, rest, ok := strings.Cut(body, `import("./embed-more-`)
	name, _, _ := strings.Cut(rest, `"`)
	if got := ask(t, app, http.MethodGet, "/embed-more-"+name); !ok || got.status != http.StatusOK {
		t.Errorf("/embed-more-%s: %d", name, got.status)
	}
}

func TestFramesAreForPagesOfAllowedOrigins(t *testing.T) {
	t.Parallel()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	web.Routes(false, []string{"https://app.example", "https://*.shop.example"})(app)
	got := ask(t, app, http.MethodGet, "/embed")
	policy := got.header.Get("Content-Security-Policy")
	if got.status != http.StatusOK || !strings.Contains(policy, "frame-ancestors 'self' https://app.example https://*.shop.example;") || strings.Contains(policy, "unsafe") {
		t.Errorf("%d, policy %q", got.status, policy)
	}
	if policy := ask(t, newApp(false), http.MethodGet, "/embed").header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'self';") {
		t.Errorf("without origins: policy %q", policy)
	}
	if policy := ask(t, app, http.MethodGet, "/").header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the page: policy %q", policy)
	}
	for _, name := range []string{"/embed-frame.js", "/embed-frame.css"} {
		if got := ask(t, app, http.MethodGet, name); got.status != http.StatusOK {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}
