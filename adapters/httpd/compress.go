package httpd

import (
	"bytes"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/ports"
)

// compress compresses the body of a page for a client that accepts it. It does not change:
//
//   - Answers to other methods than GET. Only they show a secret, and next to what the client sent:
//
// the size of both compressed together would tell about the secret (the BREACH attack).
//   - Answers with an ETag. It belongs to the plain body, and If-Match compares it exactly.
//   - Streams, and bodies that are compressed already.
func (s *Server) compress(c *fiber.Ctx) {
	answer := c.Response()
	if c.Method() != fiber.MethodGet || answer.StatusCode() != fiber.StatusOK || answer.IsBodyStream() ||
		!compressible(string(answer.Header.ContentType())) ||
		len(answer.Header.Peek(fiber.HeaderContentEncoding)) > 0 || len(answer.Header.Peek(fiber.HeaderETag)) > 0 {
		return
	}
	body := answer.Body()
	// Brotli would make pages of entries a sixth smaller, but takes three times as much processor
	// time. It is used for documents that are compressed when they are built.
	if len(body) < edge.MinCompressed || edge.Coding(c, edge.Gzip) == "" {
		return
	}
	packed := gzipped(body)
	s.cfg.Observer.Compressed(ports.Compression{What: ports.Pages, Messages: 1, Plain: len(body), Packed: len(packed)})
	answer.SetBodyRaw(packed)
	c.Set(fiber.HeaderContentEncoding, edge.Gzip)
}

// compressible reports whether bodies of a content type are worth compressing. A stream of events
// is not, as its events must not wait for later ones.
func compressible(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return kind == fiber.MIMEApplicationJSON || strings.HasPrefix(kind, "text/") && kind != "text/event-stream"
}

// gzips lends compressors that keep no state. A compressor with state would need about a megabyte,
// and compress a fifth better.
var gzips = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.StatelessCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

func gzipped(body []byte) []byte {
	packed := bytes.NewBuffer(make([]byte, 0, len(body)/2))
	w := gzips.Get().(*gzip.Writer)
	defer gzips.Put(w)
	w.Reset(packed)
	_, _ = w.Write(body) // a buffer takes all
	_ = w.Close()
	return packed.Bytes()
}
