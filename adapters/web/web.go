// Package web is the embedded page: a chat client in the browser, without external resources.
//
// The files that are served are in static/. The page signs somebody in and shows <parley-chat>, as
// other pages do. bundle/ builds its script, page.js, from page/. The element comes with /embed.js.
// The tests in Go drive the page in a Chromium, against the whole service.
//
// Beside it are packages for other pages. client/ is @parley-chat/client. elements/ is
// @parley-chat/elements, which the service gives to other pages as /embed.js. frame/ is the page
// for frames, /embed. react/ is @parley-chat/react.
package web

//go:generate go run ./bundle/generate .

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"path"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/edge"
)

//go:embed static
var static embed.FS

// policy restricts the page: it loads only from its own origin, no other page may frame it, and
// forms are never sent (a form that is sent before its script runs would put a token into an
// address).
const policy = "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// Files returns the page's files, index.html at their root.
func Files() fs.FS { return below(static, "static") }

func below(embedded fs.FS, dir string) fs.FS {
	files, err := fs.Sub(embedded, dir)
	if err != nil {
		panic(err) // the folder is embedded
	}
	return files
}

// Routes returns the routes of the page: its files, `/` for index.html, and `/page.json`, which
// tells the page whether the service is in development mode. In that mode the service gives tokens
// at `/dev/token` to pages that know its key, and checks a key at `/dev/key`; these two are not
// served here.
//
// For other pages there are `/embed.js`, the elements, and `/embed`, a page for frames, which pages
// of `origins` may show.
func Routes(development bool, origins []string) func(fiber.Router) {
	assets := loadAssets(Files())
	return func(router fiber.Router) {
		embedRoutes(router, origins)
		for name, asset := range assets {
			router.Get("/"+name, asset.serve)
		}
		router.Get("/", assets["index.html"].serve)
		router.Get("/page.json", func(c *fiber.Ctx) error {
			secure(c)
			c.Set(fiber.HeaderCacheControl, "no-store")
			return c.JSON(map[string]bool{"development": development})
		})
	}
}

// An asset is a file as it is served. Its tag changes with its content. Browsers ask each time and
// load only changed files, so files of two versions are mixed only during a deployment. The
// compressed body has a tag of its own (RFC 9110, 8.8.3.3).
type asset struct {
	body        edge.Document
	contentType string
	tag         string // without quotes
}

func loadAssets(files fs.FS) map[string]asset {
	assets := map[string]asset{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		sum := sha256.Sum256(body)
		assets[name] = asset{
			body:        edge.NewDocument(body),
			contentType: contentTypes[path.Ext(name)],
			tag:         base64.RawURLEncoding.EncodeToString(sum[:12]),
		}
		return err
	})
	if err != nil {
		panic(err) // the files are embedded
	}
	return assets
}

// contentTypes does not depend on the machine's MIME tables: browsers that may not sniff are strict
// about types.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func (a asset) serve(c *fiber.Ctx) error {
	secure(c)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	body, unchanged := choose(c, a.body, a.tag)
	if unchanged {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, a.contentType)
	c.Response().SetBodyRaw(body)
	return nil
}

// choose returns the form of a document that the client of a request wants, and whether the client
// has it already. Each form has a tag of its own.
func choose(c *fiber.Ctx, document edge.Document, tag string) (body []byte, unchanged bool) {
	body, coding := document.Choose(c)
	if coding != "" {
		tag += "-" + coding
	}
	tag = `"` + tag + `"`
	c.Set(fiber.HeaderETag, tag)
	if unchanged = edge.Has(c, tag); unchanged {
		c.Response().Header.Del(fiber.HeaderContentEncoding)
	}
	return body, unchanged
}

func secure(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
}
