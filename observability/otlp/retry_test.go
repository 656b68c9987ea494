package otlp

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// answers is a transport in which each request gets the next of these answers, and then always the
// last one.
type answers struct {
	all   []http.Response
	asked []time.Time
}

// RoundTrip implements http.RoundTripper.
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	next := a.all[min(len(a.asked), len(a.all)-1)]
	a.asked = append(a.asked, time.Now())
	if next.StatusCode == 0 { // no answer ever
		<-r.Context().Done()
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: r.Context().Err()}
	}
	next.Body, next.Request = io.NopCloser(strings.NewReader("")), r
	return &next, nil
}

func answer(code int, header ...string) http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return http.Response{StatusCode: code, Header: h, Trailer: http.Header{}}
}

func export(ctx context.Context, t *testing.T, protocol string, a *answers) error {
	t.Helper()
	set, err := environment(func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}[name]
	}).read(logs)
	if err != nil {
		t.Fatal(err)
	}
	l := lines{newSender(set)}
	l.client.Transport = a
	defer l.close()
	return l.Export(ctx, []sdklog.Record{{}})
}

func TestACollectorThatIsBusyIsAskedAgain(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]struct {
		protocol string
		busy     http.Response
		taken    http.Response
		after    time.Duration // at least
	}{
		"by HTTP":                      {"", answer(503), answer(200), firstRetry / 2},
		"by HTTP, when it says":        {"", answer(429, "Retry-After", "20"), answer(200), 20 * time.Second},
		"by gRPC":                      {"grpc", answer(200, "Grpc-Status", "14"), answer(200, "Grpc-Status", "0"), firstRetry / 2},
		"by gRPC, behind a proxy":      {"grpc", answer(502), answer(200, "Grpc-Status", "0"), firstRetry / 2},
		"where it is slow, in a while": {"", answer(0), answer(200), stdTimeout + firstRetry/2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				a := &answers{all: []http.Response{given.busy, given.taken}}
				if err := export(t.Context(), t, given.protocol, a); err != nil {
					t.Fatal(err)
				}
				if len(a.asked) != 2 || a.asked[1].Sub(began) < given.after {
					t.Errorf("asked at %v, want again after %v", a.asked, given.after)
				}
			})
		})
	}
}

func TestACollectorIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		a := &answers{all: []http.Response{answer(503)}}
		if err := export(t.Context(), t, "", a); err == nil {
			t.Error("what was never taken is no error")
		}
		if took := time.Since(began); took > retryTime || len(a.asked) < 3 {
			t.Errorf("asked %d times in %v", len(a.asked), took)
		}
		a = &answers{all: []http.Response{answer(400)}}
		if err := export(t.Context(), t, "", a); err == nil || len(a.asked) != 1 {
			t.Errorf("a collector that refuses was asked %d times, and %v", len(a.asked), err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began = time.Now()
		if err := export(ctx, t, "", &answers{all: []http.Response{answer(503)}}); err == nil || time.Since(began) > time.Second {
			t.Errorf("after its time it went on until %v, and %v", time.Since(began), err)
		}
	})
}

func TestASenderThatIsClosedEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set, err := environment(func(string) string { return "" }).read(logs)
		if err != nil {
			t.Fatal(err)
		}
		l := lines{newSender(set)}
		l.client.Transport = &answers{all: []http.Response{answer(0)}}
		ended := make(chan error, 1)
		go func() { ended <- l.Export(t.Context(), []sdklog.Record{{}}) }()
		synctest.Wait()
		began := time.Now()
		_ = l.Shutdown(t.Context())
		if err := <-ended; err == nil || time.Since(began) > 0 {
			t.Errorf("it went on for %v, and %v", time.Since(began), err)
		}
	})
}
