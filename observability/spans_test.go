package observability_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

const (
	sampled   chat.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled chat.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// following returns an observer that records traces that clients have sampled, and its spans.
func following(options ...observability.Option) (*observability.Observer, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	options = append(options, observability.WithTraces(provider))
	return observability.NewObserver(slog.New(slog.DiscardHandler), observability.Build{}, options...), spans
}

func TestStepsOfOneTraceStandBelowEachOther(t *testing.T) {
	t.Parallel()
	o, spans := following()
	ctx, send := o.Began(ports.WithTrace(t.Context(), sampled), ports.Step{Name: "send", Begins: true, Room: "tea"})
	inner, check := o.Began(ctx, ports.Step{Name: "check"})
	check.End(nil)
	// Over a queue or a network, only the text of the trace is kept.
	_, deliver := o.Began(ports.WithTrace(context.Background(), ports.TraceOf(inner)), ports.Step{Name: "announce", Count: 3, Links: []chat.Trace{sampled}})
	deliver.End(nil)
	send.End(nil)
	ended := spans.Ended()
	if len(ended) != 3 {
		t.Fatalf("there are %d spans", len(ended))
	}
	last, first, top := ended[0], ended[1], ended[2]
	if top.Parent().SpanID().String() != sampled.SpanID() || last.Parent().SpanID() != top.SpanContext().SpanID() ||
		first.Parent().SpanID() != last.SpanContext().SpanID() {
		t.Errorf("the spans %v, %v and %v are not below each other", top, last, first)
	}
	if top.SpanKind() != trace.SpanKindServer || last.SpanKind() != trace.SpanKindInternal || first.SpanKind() != trace.SpanKindProducer {
		t.Errorf("the kinds are %v, %v, %v", top.SpanKind(), last.SpanKind(), first.SpanKind())
	}
	if len(first.Links()) != 1 || first.Links()[0].SpanContext.SpanID().String() != sampled.SpanID() {
		t.Errorf("the links are %v", first.Links())
	}
	for name, in := range map[string]sdktrace.ReadOnlySpan{"parley.room=tea": top, "parley.count=3": first} {
		if !has(in, name) {
			t.Errorf("%s lacks %s: %v", in.Name(), name, in.Attributes())
		}
	}
}

func has(s sdktrace.ReadOnlySpan, want string) bool {
	set := attribute.NewSet(s.Attributes()...)
	for _, a := range set.ToSlice() {
		if string(a.Key)+"="+a.Value.String() == want {
			return true
		}
	}
	return false
}

func TestWhatTheClientDidWrongIsNoFailureOfTheSpan(t *testing.T) {
	t.Parallel()
	for kind, want := range map[chat.Kind]codes.Code{
		chat.Forbidden: codes.Unset, chat.RateLimited: codes.Unset, chat.Unavailable: codes.Error, chat.Internal: codes.Error,
	} {
		o, spans := following()
		_, ending := o.Began(ports.WithTrace(t.Context(), sampled), ports.Step{Name: "send", Begins: true})
		ending.End(chat.Errorf(kind, "because"))
		if s := spans.Ended()[0]; s.Status().Code != want || !has(s, "parley.result="+string(kind)) {
			t.Errorf("%s: got %v, %v", kind, s.Status(), s.Attributes())
		}
	}
}

func TestADeliveryIsOneSpanThatEndsWithTheSlowestReader(t *testing.T) {
	t.Parallel()
	o, spans := following()
	o.Delivered(ports.Delivery{
		Trace: sampled, Room: "tea", Seq: 7, Readers: 998, Behind: 2, First: time.Millisecond, Slowest: 20 * time.Millisecond,
	})
	s := spans.Ended()[0]
	if took := s.EndTime().Sub(s.StartTime()); took != 20*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	for _, want := range []string{"parley.seq=7", "parley.readers=998", "parley.behind=2", "parley.first_ms=1", "parley.slowest_ms=20"} {
		if !has(s, want) {
			t.Errorf("lacks %s: %v", want, s.Attributes())
		}
	}
}

func TestRequestsAreNamedByTheirRoutes(t *testing.T) {
	t.Parallel()
	o, spans := following()
	for _, path := range []string{"/v1/rooms/tea", "/healthz", "/readyz"} {
		ctx, answered := o.Requested(ports.WithTrace(t.Context(), sampled), "GET", path)
		if path == "/v1/rooms/tea" && ports.TraceOf(ctx) == sampled {
			t.Error("what is done for the request does not stand below it")
		}
		answered("/v1/rooms/:room", 503)
	}
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("there are %d spans, want one: probes are of no interest", len(ended))
	}
	if s := ended[0]; s.Name() != "GET /v1/rooms/:room" || s.Status().Code != codes.Error || !has(s, "http.response.status_code=503") {
		t.Errorf("got %s, %v, %v", s.Name(), s.Status(), s.Attributes())
	}
}

func TestWhatNobodyFollowsCostsNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	off := observability.NewObserver(slog.New(slog.DiscardHandler), observability.Build{})
	on, spans := following()
	whole := t.Context()
	part := ports.WithTrace(whole, unsampled)
	for name, call := range map[string]func(){
		"a command, off":                    func() { begins(off, whole, ports.Step{Name: "send", Begins: true, Room: "tea"}) },
		"a step of a sampled trace, off":    func() { begins(off, ports.WithTrace(whole, ""), ports.Step{Name: "check"}) },
		"a step outside of any trace":       func() { begins(on, whole, ports.Step{Name: "check", Room: "tea"}) },
		"a step of one that is not sampled": func() { begins(on, part, ports.Step{Name: "check", Room: "tea"}) },
	} {
		allowed := 0.0
		if name == "a step of a sampled trace, off" {
			allowed = 1 // the context
		}
		if got := testing.AllocsPerRun(100, call); got > allowed {
			t.Errorf("%s allocates %v times, want %v", name, got, allowed)
		}
	}
	if n := len(spans.Ended()); n > 0 {
		t.Errorf("there are %d spans", n)
	}
}

func begins(o *observability.Observer, ctx context.Context, step ports.Step) { //nolint:revive // the context is what is tested
	_, ending := o.Began(ctx, step)
	ending.End(nil)
}

func TestWithoutMetricsFaultsAndTracesAreToldAllTheSame(t *testing.T) {
	t.Parallel()
	o, spans := following(observability.WithoutMetrics())
	told := o.Port()
	_, ending := told.Began(ports.WithTrace(t.Context(), sampled), ports.Step{Name: "send", Begins: true})
	ending.End(nil)
	told.Delivered(ports.Delivery{Trace: sampled})
	_, answered := told.Requested(ports.WithTrace(t.Context(), sampled), "GET", "/")
	answered("/", 200)
	if n := len(spans.Ended()); n != 3 {
		t.Errorf("there are %d spans, want 3", n)
	}
	if id := told.Fault(t.Context(), "append", errors.New("away")); id == "" {
		t.Error("the fault was not logged")
	}
	told.FannedOut(ports.FanOut{Room: "tea", Readers: 1, Entries: 1})
	if n := len(families(t, o, "parley_hub")); n > 0 {
		t.Errorf("there are %d metrics of the hub", n)
	}
}
