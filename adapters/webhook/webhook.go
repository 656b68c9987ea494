package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Config is what a Courier works with. With its zero value only public addresses are reached, and
// only by TLS.
type Config struct {
	// Allow are networks that may be reached besides public addresses, with or without TLS.
	Allow []netip.Prefix
	// Agent is the name that the service gives of itself; empty: Parley.
	Agent string
	// Timeout bounds one try, whatever its context allows; 0: 15 s.
	Timeout time.Duration
	// TLS is for tests with certificates of their own. Nil: the system's authorities are trusted.
	TLS *tls.Config
	// Resolver resolves names. Nil: the system's.
	Resolver *net.Resolver
}

const (
	maxAnswer  = 64 << 10 // bytes of an answer that are read
	maxHeaders = 16 << 10 // of an answer
	// Max connections to a host, with idle ones. A hook may have batches of so many rooms under
	// way.
	perHost = 64
	maxIdle = 256 // idle connections, of all hosts
)

// Courier is a ports.Courier over HTTP.
type Courier struct {
	cfg        Config
	guard      *guard
	tls, plain *http.Client
}

var _ ports.Courier = (*Courier)(nil)

// New returns a courier. Close ends its idle connections.
func New(cfg Config) *Courier {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 15 * time.Second
	}
	if cfg.Agent == "" {
		cfg.Agent = "Parley"
	}
	c := &Courier{cfg: cfg, guard: newGuard(cfg.Allow)}
	c.tls, c.plain = c.client(false), c.client(true)
	return c
}

// client returns a client that follows no redirects and uses no proxy. So the address that it dials
// is the one that gets the parcel.
func (c *Courier) client(plain bool) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: c.guard.control(plain), Resolver: c.cfg.Resolver}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: c.cfg.TLS, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: !plain,
			DisableCompression: true, // a small compressed answer could become a huge one
			MaxConnsPerHost:    perHost, MaxIdleConnsPerHost: perHost, MaxIdleConns: maxIdle, IdleConnTimeout: 60 * time.Second,
			MaxResponseHeaderBytes: maxHeaders,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close ends idle connections.
func (c *Courier) Close() {
	c.tls.CloseIdleConnections()
	c.plain.CloseIdleConnections()
}

// CheckURL implements ports.Courier.
func (c *Courier) CheckURL(url string) error { return c.guard.check(url) }

// Deliver implements ports.Courier.
func (c *Courier) Deliver(ctx context.Context, p ports.Parcel) (ports.HookReceipt, error) {
	if err := c.CheckURL(p.URL); err != nil { // the operator may have changed what is allowed
		return ports.HookReceipt{}, chat.Errorf(chat.Forbidden, "%s", chat.AsError(err).Reason)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	request, err := c.request(ctx, p)
	if err != nil {
		return ports.HookReceipt{}, chat.Wrap(chat.Internal, err, "make a request of a parcel")
	}
	client := c.tls
	if request.URL.Scheme == "http" {
		client = c.plain
	}
	response, err := client.Do(request)
	if err != nil {
		return ports.HookReceipt{}, failure(err)
	}
	defer response.Body.Close()
	r := ports.HookReceipt{Status: response.StatusCode, RetryAfter: retryAfter(response.Header.Get("Retry-After"), time.Now())}
	taken := 200 <= r.Status && r.Status < 300
	most := maxAnswer + 1
	if !taken {
		most = p.Piece
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, int64(most)))
	r.Piece = string(text[:min(len(text), p.Piece)])
	switch {
	case !taken: // the status is the whole answer
		return r, nil
	case err != nil:
		return r, failure(err)
	}
	r.Answer, err = answer(text, p)
	return r, err
}

// answer reads the answer to a parcel that was taken.
func answer(text []byte, p ports.Parcel) (ports.HookAnswer, error) {
	if long := len(text) > maxAnswer; long && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return ports.HookAnswer{}, chat.Errorf(chat.Unavailable, "the answer has more than %d bytes", maxAnswer)
	} else if long {
		return ports.HookAnswer{}, nil // it is no answer for us, but some page
	}
	a, err := p.Read(text)
	if err != nil {
		return ports.HookAnswer{}, chat.Errorf(chat.Unavailable, "the answer cannot be read: %s", chat.AsError(err).Reason)
	}
	return a, nil
}

func (c *Courier) request(ctx context.Context, p ports.Parcel) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(p.Body))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	h := request.Header
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", c.cfg.Agent)
	h.Set(headerID, p.ID)
	h.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(headerSignature, signatures(p, now))
	if trace := ports.TraceOf(ctx); trace != "" {
		h.Set("traceparent", string(trace))
	}
	return request, nil
}

// retryAfter reads a number of seconds, or a date (RFC 9110, 10.2.3). It returns 0 for anything
// else.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// failure says why there was no answer. The owner of the hook reads it, so it tells nothing about
// the network.
func failure(err error) error {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var timeout net.Error
	why := "the connection broke"
	switch {
	case errors.Is(err, errGuard):
		return &chat.Error{Kind: chat.Forbidden, Reason: errGuard.Error()}
	case errors.Is(err, errPlain):
		return &chat.Error{Kind: chat.Forbidden, Reason: errPlain.Error()}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		why = "there was no answer in time"
	case errors.As(err, &dns):
		why = "the name of the host cannot be resolved"
	case errors.As(err, &certificate):
		why = "its certificate is not good: " + certificate.Err.Error()
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch), strings.Contains(err.Error(), "tls: "):
		why = "the TLS handshake failed"
	case strings.Contains(err.Error(), "connection refused"):
		why = "the connection was refused"
	case strings.Contains(err.Error(), "server response headers exceeded"):
		why = "the headers of the answer are too large"
	}
	return &chat.Error{Kind: chat.Unavailable, Reason: why}
}
