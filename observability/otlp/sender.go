package otlp

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	firstRetry = 5 * time.Second
	maxRetry   = 30 * time.Second // max time between two attempts
	retryTime  = time.Minute      // no further attempts after this time
	maxAnswer  = 1 << 20          // max bytes of an answer that are read
	maxQuoted  = 500              // max bytes of an answer in an error
)

// sender sends the messages of one signal.
type sender struct {
	settings
	client *http.Client

	closed chan struct{} // when closed, requests under way end
	shut   func()        // closes closed, once
}

func newSender(set settings) *sender {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = set.tls
	if set.grpc {
		transport.Protocols = &http.Protocols{}
		transport.Protocols.SetHTTP2(true)
		transport.Protocols.SetUnencryptedHTTP2(true)
		if set.url.Scheme == "http" {
			transport.Proxy = nil // proxies do not support HTTP/2 without TLS
		}
	}
	closed := make(chan struct{})
	return &sender{
		settings: set, client: &http.Client{Transport: transport},
		closed: closed, shut: sync.OnceFunc(func() { close(closed) }),
	}
}

// close ends requests under way, and idle connections.
func (s *sender) close() {
	s.shut()
	s.client.CloseIdleConnections()
}

// send sends a message to the collector. It retries for a while if that may help.
func (s *sender) send(ctx context.Context, message proto.Message) error {
	body, err := s.body(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		select {
		case <-s.closed:
			cancel()
		case <-ctx.Done():
		}
	})
	began := time.Now()
	for wait := firstRetry; ; wait = min(wait*3/2, maxRetry) {
		err := s.try(ctx, body)
		again, is := errors.AsType[retryable](err)
		if !is {
			return err
		}
		pause := max(wait/2+rand.N(wait), again.after)
		if ctx.Err() != nil || time.Since(began)+pause > retryTime {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// body returns the body of a request. With gRPC, the message follows a byte that says whether it is
// compressed, and its length.
func (s *sender) body(message proto.Message) ([]byte, error) {
	var frame []byte
	if s.grpc {
		frame = make([]byte, grpcHead)
	}
	body, err := proto.MarshalOptions{}.MarshalAppend(frame, message)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.signal.name, err)
	}
	if s.gzip {
		packed := bytes.NewBuffer(append([]byte(nil), body[:len(frame)]...))
		w := gzip.NewWriter(packed)
		_, err1 := w.Write(body[len(frame):])
		if err := cmp.Or(err1, w.Close()); err != nil {
			return nil, fmt.Errorf("pack %s: %w", s.signal.name, err)
		}
		body = packed.Bytes()
	}
	if s.grpc {
		putHead(body, s.gzip)
	}
	return body, nil
}

// retryable is an error after which another attempt may succeed.
type retryable struct {
	error
	after time.Duration // delay that the collector asks for; 0: none
}

func (e retryable) Unwrap() error { return e.error }

// try sends the message once.
func (s *sender) try(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	maps.Copy(request.Header, s.headers)
	request.Header.Set("User-Agent", "parley")
	if s.grpc {
		grpcHeaders(request.Header, s.gzip)
	} else {
		request.Header.Set("Content-Type", "application/x-protobuf")
		if s.gzip {
			request.Header.Set("Content-Encoding", "gzip")
		}
	}
	response, err := s.client.Do(request)
	if err != nil {
		return s.unanswered(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return s.unanswered(err)
	}
	if s.grpc {
		answer, err = grpcAnswer(response, answer)
	} else {
		err = httpAnswer(response, answer)
	}
	if err != nil {
		return s.hint(err)
	}
	return partly(answer)
}

// unanswered returns the error of a request without an answer.
func (s *sender) unanswered(err error) error {
	if failed, is := errors.AsType[*url.Error](err); is && failed.Temporary() {
		return retryable{error: err}
	}
	return s.hint(err)
}

// hint adds advice to an error that is caused by sending with one protocol to a port of the other.
func (s *sender) hint(err error) error {
	if _, again := errors.AsType[retryable](err); again {
		return err
	}
	port := s.url.Port()
	// This is Go's error if it reads the first frame of HTTP/2 instead of HTTP/1.
	alien := strings.Contains(err.Error(), "malformed HTTP response")
	switch {
	case !s.grpc && (port == "4317" || alien):
		return fmt.Errorf("%w (%s takes gRPC, it seems: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or send to its port for HTTP, as a rule 4318)", err, s.url.Host)
	case s.grpc && port == "4318":
		return fmt.Errorf("%w (%s takes HTTP, it seems: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or send to its port for gRPC, as a rule 4317)", err, s.url.Host)
	}
	return err
}

// httpAnswer returns the error in an HTTP answer.
func httpAnswer(response *http.Response, answer []byte) error {
	if response.StatusCode/100 == 2 {
		return nil
	}
	err := fmt.Errorf("%s answers %s: %q", response.Request.URL.Redacted(), response.Status, answer[:min(len(answer), maxQuoted)])
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retryable{err, retryAfter(response.Header.Get("Retry-After"))}
	}
	return err
}

// retryAfter reads seconds or a date.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at)
	}
	return 0
}

// partly returns an error if the answer says that a part of the message was refused. All answers
// have one form: field 1 is a message with the number of refused items (1) and the reason (2).
func partly(answer []byte) error {
	said := field(answer, 1).bytes
	if n, why := field(said, 1).number, field(said, 2).bytes; n != 0 || len(why) > 0 {
		return fmt.Errorf("the collector has refused %d: %q", n, why[:min(len(why), maxQuoted)])
	}
	return nil
}

type value struct {
	number uint64
	bytes  []byte
}

// field returns the last value of a field before any invalid data, or the zero value.
func field(message []byte, wanted protowire.Number) (v value) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return v
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return v
		}
		if number == wanted {
			v.number, _ = protowire.ConsumeVarint(message[:size])
			v.bytes, _ = protowire.ConsumeBytes(message[:size])
		}
		message = message[size:]
	}
	return v
}
