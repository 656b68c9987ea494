package observability_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// newObserver returns an observer after one call of each method.
func newObserver(t testing.TB) *observability.Observer {
	t.Helper()
	o := observability.NewObserver(slog.New(slog.DiscardHandler), observability.Build{Version: "v1", Revision: "abc", Go: "go1"})
	o.SessionOpened("s1", "alice", "192.0.2.1")
	o.SessionOpened("s2", "bob", "192.0.2.2")
	o.SessionClosed("s1", "alice", ports.CloseSlow, time.Minute)
	o.Commanded(t.Context(), "s2", ports.Send{Room: "general", Body: "hi"}, nil, time.Millisecond)
	o.Commanded(t.Context(), "s2", ports.Send{Room: "general", Body: "hi"}, chat.Errorf(chat.RateLimited, "wait"), time.Millisecond)
	o.Commanded(t.Context(), "s2", ports.Mark{Room: "general"}, errors.New("no kind"), time.Millisecond)
	o.Sent(nil)
	o.Sent(chat.Errorf(chat.RateLimited, "wait"))
	o.Sent(chat.Errorf(chat.Invalid, "body is missing"))
	o.FannedOut(ports.FanOut{Room: "general", Readers: 1000, Entries: 3, First: time.Millisecond, Last: 4 * time.Millisecond})
	o.Behind(3, 700, 650)
	o.TokenRefused("expired")
	o.Streams(ports.StreamEvents, 1)
	o.Streams(ports.StreamPoll, 1)
	o.Streams(ports.StreamPoll, -1)
	_, answered := o.Requested(t.Context(), "GET", "/v1/rooms/general")
	answered("/v1/rooms/:room", 200)
	o.CaughtUp(50, time.Millisecond)
	o.Blocked(1)
	o.Feeds(7, 4096)
	o.Missed("general", 2)
	o.Appended(t.Context(), 5, time.Millisecond, nil)
	o.Appended(t.Context(), 1, time.Millisecond, chat.Errorf(chat.Unavailable, "away"))
	if _, err := o.Log(awayLog{}).Append(t.Context(), nil); err == nil {
		t.Fatal("a log out of reach took something")
	}
	o.Queued(6)
	o.Queued(-5)
	o.Fault(t.Context(), "append to the log", errors.New("away"))
	o.Took("audit", 7, time.Millisecond, ports.TakeOK)
	o.Took("audit", 7, time.Millisecond, ports.TakeFailed)
	o.Took("gone", 7, time.Millisecond, ports.TakeStalled)
	o.Lagging([]ports.ConsumerLag{{Consumer: "gone", Entries: 1}})
	o.Lagging([]ports.ConsumerLag{{Consumer: "audit", Entries: 12, Rooms: 2, Waiting: 1, Stalled: 3, Oldest: time.Minute}})
	o.Forgot("gone")
	o.Leasing(86, 3)
	o.TookOver(43)
	return o
}

func TestObserverCountsWhatItIsTold(t *testing.T) {
	t.Parallel()
	got := scrape(t, newObserver(t), "")
	for _, want := range []string{
		`parley_build_info{goversion="go1",revision="abc",version="v1"} 1`,
		`parley_connections 1`,
		`parley_sessions_opened_total 2`,
		`parley_sessions_closed_total{reason="slow"} 1`,
		`parley_commands_total{result="ok",type="send"} 1`,
		`parley_commands_total{result="rate_limited",type="send"} 1`,
		`parley_commands_total{result="internal",type="read"} 1`,
		`parley_command_seconds_count{type="send"} 2`,
		`parley_sends_total{result="ok"} 1`,
		`parley_sends_total{result="invalid"} 1`,
		`parley_hub_fanout_latency_seconds_bucket{written="last",le="30"} 1`,
		`parley_command_seconds_bucket{type="send",le="30"} 2`,
		`parley_hub_fanout_latency_seconds_bucket{written="first",le="0.0005"} 0`,
		`parley_hub_fanout_latency_seconds_bucket{written="first",le="0.001"} 1`,
		`parley_hub_fanout_latency_seconds_bucket{written="last",le="0.0025"} 0`,
		`parley_hub_fanout_latency_seconds_bucket{written="last",le="0.005"} 1`,
		`parley_hub_sessions_behind 3`,
		`parley_hub_behind_entries 700`,
		`parley_hub_behind_entries_max 650`,
		`parley_token_refusals_total{reason="expired"} 1`,
		`parley_streams{kind="events"} 1`,
		`parley_streams{kind="poll"} 0`,
		`parley_streams_opened_total{kind="poll"} 1`,
		`parley_http_requests_total{method="GET",route="/v1/rooms/:room",status="200"} 1`,
		`parley_http_request_seconds_count{method="GET",route="/v1/rooms/:room"} 1`,
		`parley_hub_deliveries_total 3000`,
		`parley_hub_catchup_reads_total 1`,
		`parley_hub_catchup_entries_total 50`,
		`parley_hub_catchup_seconds_count 1`,
		`parley_hub_blocked_connections 1`,
		`parley_hub_feeds 7`,
		`parley_hub_ring_bytes 4096`,
		`parley_hub_missed_entries_total 2`,
		`parley_journal_batch_size_sum 6`,
		`parley_journal_depth 1`,
		`parley_log_append_seconds_count 2`,
		`parley_log_appends_total{result="unavailable"} 1`,
		`parley_faults_total{while="append to the log"} 1`,
		`parley_consumer_attempts_total{consumer="audit",result="failed"} 1`,
		`parley_consumer_entries_total{consumer="audit"} 7`,
		`parley_consumer_take_seconds_count 3`,
		`parley_consumer_behind_entries{consumer="audit"} 12`,
		`parley_consumer_behind_seconds{consumer="audit"} 60`,
		`parley_consumer_waiting_rooms{consumer="audit"} 1`,
		`parley_consumer_stalled_rooms{consumer="audit"} 3`,
		`parley_consumer_shares 86`,
		`parley_consumer_nodes 3`,
		`parley_consumer_takeovers_total 43`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics lack %q", want)
		}
	}
	for _, part := range []string{"go_goroutines ", "process_open_fds "} {
		if !strings.Contains(got, "\n"+part) {
			t.Errorf("metrics lack %q", part)
		}
	}
	if strings.Contains(got, `consumer="gone"`) {
		t.Error("metrics tell of a consumer that is there no more")
	}
	for _, secret := range []string{"alice", "general", "192.0.2.1", "s2"} {
		if strings.Contains(got, `"`+secret+`"`) {
			t.Errorf("metrics have %q as a label: there is no end of those", secret)
		}
	}
}

func TestMetricsFollowTheConventions(t *testing.T) {
	t.Parallel()
	problems, err := promlint.New(strings.NewReader(scrape(t, newObserver(t), ""))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsSpeakOpenMetricsToWhoAsks(t *testing.T) {
	t.Parallel()
	if got := scrape(t, newObserver(t), "application/openmetrics-text; version=1.0.0"); !strings.HasSuffix(got, "# EOF\n") {
		t.Errorf("got %q at the end, want an OpenMetrics body", got[max(0, len(got)-40):])
	}
}

func TestEveryCommandHasItsProtocolName(t *testing.T) {
	t.Parallel()
	o := observability.NewObserver(slog.New(slog.DiscardHandler), observability.Build{})
	for _, ask := range []ports.Ask{
		ports.Auth{},
		ports.Join{},
		ports.Leave{},
		ports.Send{},
		ports.Edit{},
		ports.Delete{},
		ports.React{},
		ports.History{},
		ports.Mark{},
		ports.Typing{},
		ports.Presence{},
		ports.Ping{},
		ports.Malformed{},
	} {
		ctx := t.Context()
		o.Commanded(ctx, "s", ask, nil, 0)
	}
	got := scrape(t, o, "")
	for _, name := range []string{
		"auth", "join", "leave", "send", "edit", "delete", "react", "history", "read", "typing", "presence", "ping", "malformed",
	} {
		if want := `parley_commands_total{result="ok",type="` + name + `"} 1`; !strings.Contains(got, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
}

func TestTheHotPathsOfAnObserverDoNotAllocate(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	o := newObserver(t)
	var ask ports.Ask = ports.Send{Room: "general"}
	ctx := t.Context()
	for name, call := range map[string]func(){
		"FannedOut": func() {
			o.FannedOut(ports.FanOut{Room: "general", Readers: 1000, Entries: 1, First: time.Millisecond, Last: time.Millisecond})
		},
		"Queued":    func() { o.Queued(1) },
		"Appended":  func() { o.Appended(ctx, 1, time.Millisecond, nil) },
		"Sent":      func() { o.Sent(nil) },
		"Commanded": func() { o.Commanded(ctx, "s", ask, nil, time.Millisecond) },
	} {
		if got := testing.AllocsPerRun(100, call); got != 0 {
			t.Errorf("%s allocates %v times, want 0", name, got)
		}
	}
}

func BenchmarkCommanded(b *testing.B) {
	o := newObserver(b)
	var ask ports.Ask = ports.Send{Room: "general"}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		o.Commanded(ctx, "s", ask, nil, time.Millisecond)
	}
}

func BenchmarkFannedOut(b *testing.B) {
	rooms := make([]chat.RoomID, 1000) // more than the sketch holds
	for i := range rooms {
		rooms[i] = chat.RoomID(fmt.Sprint("room", i))
	}
	o := newObserver(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		o.FannedOut(ports.FanOut{Room: rooms[i%len(rooms)], Readers: 10, Entries: 1, First: time.Microsecond, Last: time.Millisecond})
	}
}

func TestARegistryTakesMetricsOfOtherParts(t *testing.T) {
	t.Parallel()
	a := observability.NewObserver(slog.New(slog.DiscardHandler), observability.Build{})
	b := observability.NewObserver(slog.New(slog.DiscardHandler), observability.Build{})
	if a.Registry() == b.Registry() {
		t.Error("two observers share a registry")
	}
	if n, err := testutil.GatherAndCount(a.Gatherer(), "parley_connections"); err != nil || n != 1 {
		t.Errorf("got %d parley_connections and %v, want 1", n, err)
	}
}

func scrape(t *testing.T, o *observability.Observer, accept string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	o.Metrics().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("got status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}
