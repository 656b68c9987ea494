package httpd

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// otherMethod stands for all unknown methods.
const otherMethod = "OTHER"

var methods = append(slices.Clone(fiber.DefaultMethods), otherMethod)

// known replaces unknown methods by one that the router knows. Otherwise the library would answer
// them with its own text.
func known(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if !slices.Contains(methods, string(ctx.Method())) {
			ctx.Request.Header.SetMethod(otherMethod)
		}
		next(ctx)
	}
}

// framed checks the framing of a request. If a proxy may see other boundaries of the request (RFC
// 9112, 6.1 and 6.3), the connection is closed after the answer: the next bytes may be part of this
// request, and not a request (request smuggling).
func framed(c *fiber.Ctx) error {
	h := &c.Request().Header
	version := string(h.Protocol())
	switch {
	case version != "HTTP/1.1" && version != "HTTP/1.0":
		part(c)
		return fiber.ErrHTTPVersionNotSupported
	case ambiguous(h.RawHeaders(), version == "HTTP/1.1"):
		part(c)
	}
	return nil
}

// part closes the connection after the answer.
func part(c *fiber.Ctx) {
	c.Context().SetConnectionClose()
	linger(c.Context().Conn())
}

func ambiguous(headers []byte, http11 bool) bool {
	var length, encoding bool
	for line := range bytes.Lines(headers) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) == len(fiber.HeaderContentLength):
			length = length || strings.EqualFold(string(name), fiber.HeaderContentLength)
		case len(name) == len(fiber.HeaderTransferEncoding):
			encoding = encoding || strings.EqualFold(string(name), fiber.HeaderTransferEncoding)
		}
	}
	return encoding && (length || !http11)
}

// straight reports whether a path means the same to all programs on its way: it has no empty
// segment, not even at the end, and none that is "." or "..", however often it is escaped. Browsers
// and proxies remove such segments, and the result is another address.
func straight(path string) bool {
	if path == "/" {
		return true
	}
	rest, rooted := strings.CutPrefix(path, "/")
	if !rooted {
		return false
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "" || dots(segment) {
			return false
		}
	}
	return true
}

func dots(segment string) bool {
	const layers = 8 // of escapes: more than any program on the way decodes
	for range layers {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == segment {
			break
		}
		segment = plain
	}
	return segment == "." || segment == ".."
}
