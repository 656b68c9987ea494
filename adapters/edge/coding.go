package edge

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// Codings of bodies, for clients that accept them.
const (
	Gzip   = "gzip"
	Brotli = "br"
)

// MinCompressed is the size of the smallest body that is compressed. Smaller ones go into one
// packet of the network anyway.
const MinCompressed = 1 << 10

// Coding returns which of the offered codings the client prefers for its body, or "" if it prefers
// the plain body (RFC 9110, 12.5.3). If it weighs several alike, the first of these is chosen. It
// also tells caches that the answer depends on this.
func Coding(c *fiber.Ctx, offered ...string) string {
	c.Vary(fiber.HeaderAcceptEncoding)
	weights := accepted(c)
	chosen, best := "", max(weights["identity"], 0)
	for _, coding := range offered {
		weight, named := weights[coding]
		if !named {
			weight = weights["*"]
		}
		if weight > best || weight == best && weight > 0 && chosen == "" {
			chosen, best = coding, weight
		}
	}
	return chosen
}

// accepted returns the weights of the codings that a request names, from 0 to 1.
func accepted(c *fiber.Ctx) map[string]float64 {
	weights := map[string]float64{}
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderAcceptEncoding) {
		for member := range strings.SplitSeq(string(line), ",") {
			coding, weight := weighed(member)
			if coding == "x-gzip" {
				coding = Gzip
			}
			weights[coding] = max(weights[coding], weight)
		}
	}
	return weights
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

// Document is a body that never changes. A compressed form is made once, when a client first wants
// it.
type Document struct {
	plain, gzipped func() []byte
	brotli         []byte // nil: the document has no such form
	small          bool   // it is never compressed
}

// NewDocument returns a document. It keeps the body, which must not be changed.
func NewDocument(body []byte) Document {
	return Document{
		plain: func() []byte { return body },
		gzipped: sync.OnceValue(func() []byte {
			var packed bytes.Buffer
			w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
			_, _ = w.Write(body) // a buffer takes all
			_ = w.Close()
			return packed.Bytes()
		}),
		small: len(body) < MinCompressed,
	}
}

// PackedDocument returns a document that was compressed before, by gzip and, unless that is nil, by
// brotli. It keeps what it is given, which must not be changed. It panics when a client wants the
// plain body and the one by gzip is not valid.
func PackedDocument(gzipped, brotli []byte) Document {
	return Document{
		plain: sync.OnceValue(func() []byte {
			r, err := gzip.NewReader(bytes.NewReader(gzipped))
			if err != nil {
				panic(err)
			}
			body, err := io.ReadAll(r)
			if err != nil {
				panic(err)
			}
			return body
		}),
		gzipped: func() []byte { return gzipped },
		brotli:  brotli,
	}
}

// Choose returns the body in the form that the client prefers. It returns its coding, and sets the
// header for it. The coding is empty for the plain body.
func (d Document) Choose(c *fiber.Ctx) (body []byte, coding string) {
	if d.small {
		return d.plain(), ""
	}
	offered := []string{Brotli, Gzip}
	if d.brotli == nil {
		offered = offered[1:]
	}
	switch coding = Coding(c, offered...); coding {
	case Brotli:
		body = d.brotli
	case Gzip:
		body = d.gzipped()
	default:
		return d.plain(), ""
	}
	c.Set(fiber.HeaderContentEncoding, coding)
	return body, coding
}
