package edge

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// Gzip is the coding of bodies for clients that accept it.
const Gzip = "gzip"

// MinCompressed is the size of the smallest body that is compressed. Smaller ones go into one
// packet of the network anyway.
const MinCompressed = 1 << 10

// Brotli is the coding of what is compressed when it is built.
const Brotli = "br"

// AcceptsGzip is Accepts for Gzip.
func AcceptsGzip(c *fiber.Ctx) bool { return Accepts(c, Gzip) }

// Accepts reports whether the client of a request wants a body in the coding rather than a plain
// one (RFC 9110, 12.5.3). It also tells caches that the answer depends on this.
func Accepts(c *fiber.Ctx, wanted string) bool {
	c.Vary(fiber.HeaderAcceptEncoding)
	coded, plain, others := -1.0, -1.0, -1.0 // negative: it is not named
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderAcceptEncoding) {
		for member := range strings.SplitSeq(string(line), ",") {
			coding, weight := weighed(member)
			switch coding {
			case wanted, "x-" + wanted:
				coded = max(coded, weight)
			case "identity":
				plain = weight
			case "*":
				others = weight
			}
		}
	}
	if coded < 0 {
		coded = others
	}
	return coded > 0 && coded >= plain
}

// weighed returns a coding in lower case, and its weight from 0 to 1. An invalid weight counts as
// 0.
func weighed(member string) (coding string, weight float64) {
	coding, params, _ := strings.Cut(member, ";")
	weight = 1
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if weight = q; err != nil || !(0 <= q && q <= 1) {
			weight = 0
		}
	}
	return strings.ToLower(strings.TrimSpace(coding)), weight
}

// A Document is a body that never changes. It is compressed once, when a client first wants that.
type Document struct {
	plain   []byte
	gzipped func() []byte
}

// NewDocument returns a document. It keeps the body, which must not be changed.
func NewDocument(body []byte) Document {
	return Document{plain: body, gzipped: sync.OnceValue(func() []byte {
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		_, _ = w.Write(body) // a buffer takes all
		_ = w.Close()
		return packed.Bytes()
	})}
}

// Choose returns the body for the client of a request, and sets the headers that say what it is.
func (d Document) Choose(c *fiber.Ctx) (body []byte, compressed bool) {
	if len(d.plain) < MinCompressed || !AcceptsGzip(c) {
		return d.plain, false
	}
	c.Set(fiber.HeaderContentEncoding, Gzip)
	return d.gzipped(), true
}
