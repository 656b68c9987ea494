package edge

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
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

// Coding returns which of the codings offered the client of a request wants its body in, or nothing
// if it would rather have it plain (RFC 9110, 12.5.3). Of those that it weighs alike, the first is
// chosen. It also tells caches that the answer depends on this.
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

// A Document is a body that never changes. Each of its forms is made once, when a client first
// wants it.
type Document struct {
	plain, gzipped, brotli func() []byte
	small                  bool // it is never compressed
}

// NewDocument returns a document. It keeps the body, which must not be changed.
func NewDocument(body []byte) Document {
	d := documentOf(func() []byte { return body })
	d.small = len(body) < MinCompressed
	d.brotli = sync.OnceValue(func() []byte {
		return packed(body, func(to io.Writer) io.WriteCloser { return brotli.NewWriterLevel(to, documentQuality) })
	})
	return d
}

// PackedDocument returns a document that was compressed before, by brotli. It keeps what it is
// given, which must not be changed, and panics if a client wants another form and it is not valid.
func PackedDocument(body []byte) Document {
	d := documentOf(sync.OnceValue(func() []byte {
		plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(body)))
		if err != nil {
			panic(err)
		}
		return plain
	}))
	d.brotli = func() []byte { return body }
	return d
}

func documentOf(plain func() []byte) Document {
	return Document{plain: plain, gzipped: sync.OnceValue(func() []byte {
		return packed(plain(), func(to io.Writer) io.WriteCloser {
			w, _ := gzip.NewWriterLevel(to, gzip.BestCompression)
			return w
		})
	})}
}

// documentQuality is brotli's quality for documents. The largest, of 200 kB, takes a quarter of a
// second of one core, and is a sixth smaller than gzip's best. Quality 11 takes three times as
// long for 2 % less.
const documentQuality = 10

func packed(body []byte, in func(io.Writer) io.WriteCloser) []byte {
	var packed bytes.Buffer
	w := in(&packed)
	_, _ = w.Write(body) // a buffer takes all
	_ = w.Close()
	return packed.Bytes()
}

// Choose returns the body for the client of a request, and sets the header that says its coding,
// which it returns too. It is empty for the plain body.
func (d Document) Choose(c *fiber.Ctx) (body []byte, coding string) {
	if d.small {
		return d.plain(), ""
	}
	switch coding = Coding(c, Brotli, Gzip); coding {
	case Brotli:
		body = d.brotli()
	case Gzip:
		body = d.gzipped()
	default:
		return d.plain(), ""
	}
	c.Set(fiber.HeaderContentEncoding, coding)
	return body, coding
}
