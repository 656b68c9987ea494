package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/edge"
)

// What other pages load: the elements, as bundle/ has built and compressed them. The binary
// contains no other forms of them.
//
//go:embed elements/dist/*.br elements/dist/*.gz
var elements embed.FS

//go:embed frame
var frame embed.FS

// script is a script for other pages. It is embedded in compressed form.
type script struct {
	body edge.Document
	tag  string // without quotes
}

// newScript returns the script with a name below elements/dist.
func newScript(name string) script {
	brotli, gzipped := mustRead(name+".br"), mustRead(name+".gz")
	sum := sha256.Sum256(brotli)
	return script{body: edge.PackedDocument(gzipped, brotli), tag: base64.RawURLEncoding.EncodeToString(sum[:12])}
}

func mustRead(name string) []byte {
	body, err := elements.ReadFile("elements/dist/" + name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return body
}

// embedRoutes adds the routes for other pages. Every page may load the scripts, which have no
// secrets: a module script of another origin is fetched with CORS. Only pages of ancestors, and the
// service's own, may show frames.
func embedRoutes(router fiber.Router, ancestors []string) {
	files, err := fs.Glob(elements, "elements/dist/*.br")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".br")
		script := newScript(name)
		hashed := strings.TrimSuffix(name, ".js") + "-" + script.tag + ".js"
		router.Get("/"+name, script.serve("public, max-age=300, stale-while-revalidate=86400", "/"+hashed))
		router.Get("/"+hashed, script.serve("public, max-age=31536000, immutable", ""))
	}
	policy := framePolicy(ancestors)
	assets := loadAssets(below(frame, "frame"))
	router.Get("/embed", func(c *fiber.Ctx) error {
		if err := assets["embed.html"].serve(c); err != nil {
			return err
		}
		c.Set(fiber.HeaderContentSecurityPolicy, policy)
		c.Set("Cross-Origin-Resource-Policy", "cross-origin")
		return nil
	})
	router.Get("/embed-frame.js", assets["embed-frame.js"].serve)
	router.Get("/embed-frame.css", assets["embed-frame.css"].serve)
}

// framePolicy returns the policy of the page for frames. Pages of the service's own origin, and of
// those in ancestors, may show it.
func framePolicy(ancestors []string) string {
	list := strings.Join(append([]string{"frame-ancestors 'self'"}, ancestors...), " ")
	return strings.Replace(policy, "frame-ancestors 'none'", list, 1)
}

// serve answers with the script. at is the address at which this version of it stays for ever.
func (s script) serve(caching, at string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
		c.Set("Cross-Origin-Resource-Policy", "cross-origin")
		c.Set(fiber.HeaderCacheControl, caching)
		if at != "" {
			c.Set(fiber.HeaderContentLocation, at)
		}
		body, unchanged := choose(c, s.body, s.tag)
		if unchanged {
			return c.SendStatus(fiber.StatusNotModified)
		}
		c.Set(fiber.HeaderContentType, contentTypes[".js"])
		c.Response().SetBodyRaw(body)
		return nil
	}
}
