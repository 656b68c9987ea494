package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/edge"
)

// What pages of others load: the elements, as bundle/ has built and compressed them. The binary has
// no other form of them.
//
//go:embed elements/dist/*.br
var elements embed.FS

//go:embed frame
var frame embed.FS

// packed is a script that is embedded compressed. It is unpacked when somebody first wants it so.
type packed struct {
	brotli []byte
	plain  func() edge.Document
	tag    string // without quotes
}

func newPacked(body []byte) packed {
	sum := sha256.Sum256(body)
	return packed{brotli: body, tag: base64.RawURLEncoding.EncodeToString(sum[:12]), plain: sync.OnceValue(func() edge.Document {
		plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(body)))
		if err != nil {
			panic(err) // the file is embedded
		}
		return edge.NewDocument(plain)
	})}
}

// embedRoutes adds what other pages load. Every page may load the scripts, which have no secrets:
// a script of another origin that is a module is fetched with CORS. Frames may be shown by pages of
// `ancestors` alone, and by the service's own.
func embedRoutes(router fiber.Router, ancestors []string) {
	files, err := fs.Glob(elements, "elements/dist/*.br")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	for _, file := range files {
		body, err := fs.ReadFile(elements, file)
		if err != nil {
			panic(err) // the file is embedded
		}
		script, name := newPacked(body), strings.TrimSuffix(file[strings.LastIndex(file, "/")+1:], ".br")
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

// framePolicy is the policy of the page for frames: it is shown within pages of the service's own
// origin and of those that may call it.
func framePolicy(ancestors []string) string {
	list := "'self'"
	for _, origin := range ancestors {
		list += " " + origin
	}
	return strings.Replace(policy, "frame-ancestors 'none'", "frame-ancestors "+list, 1)
}

// serve answers with the script; `at` is where this content of it stays.
func (p packed) serve(caching, at string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
		c.Set("Cross-Origin-Resource-Policy", "cross-origin")
		c.Set(fiber.HeaderCacheControl, caching)
		if at != "" {
			c.Set(fiber.HeaderContentLocation, at)
		}
		c.Vary(fiber.HeaderAcceptEncoding)
		body, tag := p.brotli, p.tag+"-"+edge.Brotli
		if edge.Accepts(c, edge.Brotli) {
			c.Set(fiber.HeaderContentEncoding, edge.Brotli)
		} else {
			var gzipped bool
			if body, gzipped = p.plain().Choose(c); gzipped {
				tag = p.tag + "-" + edge.Gzip
			} else {
				tag = p.tag
			}
		}
		tag = `"` + tag + `"`
		c.Set(fiber.HeaderETag, tag)
		if edge.Has(c, tag) {
			c.Response().Header.Del(fiber.HeaderContentEncoding)
			return c.SendStatus(fiber.StatusNotModified)
		}
		c.Set(fiber.HeaderContentType, contentTypes[".js"])
		c.Response().SetBodyRaw(body)
		return nil
	}
}
