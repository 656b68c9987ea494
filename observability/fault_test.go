package observability_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// logged is an observer with its log.
type logged struct {
	*observability.Observer
	out *bytes.Buffer
}

func newLogged() logged {
	var out bytes.Buffer
	return logged{observability.NewObserver(observability.NewLogger(&out, observability.JSON, slog.LevelInfo, nil), observability.Build{}), &out}
}

// lines returns the log so far, a map a line.
func (l logged) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for decoder := json.NewDecoder(bytes.NewReader(l.out.Bytes())); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAFaultIsLoggedOnceUnderTheIDThatItReturns(t *testing.T) {
	t.Parallel()
	o := newLogged()
	id := o.Fault(t.Context(), "append to the log", errors.New("disk full"))
	lines := o.lines(t)
	if len(lines) != 1 {
		t.Fatalf("got %d lines, want 1: %s", len(lines), o.out)
	}
	for name, want := range map[string]any{
		"level": "ERROR", "msg": "fault", "while": "append to the log", "error": "disk full", "id": id,
	} {
		if got := lines[0][name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if len(id) < 8 {
		t.Errorf("id %q is too short to find a line by", id)
	}
}

func TestAFaultThatComesAgainWithinASecondIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newLogged()
		away := errors.New("away")
		first := o.Fault(t.Context(), "append", away)
		for range 41 {
			if again := o.Fault(t.Context(), "append", away); again != first {
				t.Fatalf("got id %q, want %q, which is in the log", again, first)
			}
		}
		if other := o.Fault(t.Context(), "read", away); other == first {
			t.Error("another task's fault has the same id")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		lines := o.lines(t)
		if len(lines) != 3 {
			t.Fatalf("got %d lines, want one each and one that tells how often it came again", len(lines))
		}
		if got := lines[2]; got["msg"] != "fault again" || got["repeats"] != 41.0 || got["id"] != first || got["error"] != "away" {
			t.Errorf("got %v, want 41 repeats of %s", got, first)
		}
	})
}

func TestAFaultThatGoesOnIsToldLessAndLessOftenAndThenToTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newLogged()
		for range 60 * 60 * 2 { // an hour
			o.Fault(t.Context(), "append", errors.New("away"))
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		told := 0.0
		lines := o.lines(t)
		for _, line := range lines[1:] {
			told += line["repeats"].(float64)
		}
		if len(lines) > 75 || told != 7199 {
			t.Errorf("got %d lines of %v repeats, want about one a minute, and 7199", len(lines), told)
		}
		time.Sleep(2 * time.Minute)
		o.Fault(t.Context(), "append", errors.New("away"))
		if lines := o.lines(t); lines[len(lines)-1]["msg"] != "fault" {
			t.Errorf("after a pause: got %v, want it as news", lines[len(lines)-1])
		}
	})
}

func TestWhatWasCountedIsToldAtTheEnd(t *testing.T) {
	t.Parallel()
	o := newLogged()
	for range 3 {
		o.Fault(t.Context(), "append", errors.New("away"))
	}
	o.Flush()
	o.Flush()
	if lines := o.lines(t); len(lines) != 2 || lines[1]["repeats"] != 2.0 {
		t.Errorf("got %v, want the fault and its two repeats", lines)
	}
}

func TestAFloodOfDifferentFaultsIsHeldUpToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newLogged()
		for i := range 10_000 {
			o.Fault(t.Context(), "append", fmt.Errorf("try %d failed", i))
		}
		if n := len(o.lines(t)); n > 300 {
			t.Errorf("got %d lines in one moment, want at most 300", n)
		}
	})
}

func TestAFaultWithinATraceHasTheTracesID(t *testing.T) {
	t.Parallel()
	o := newLogged()
	step := chat.Trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	id := o.Fault(ports.WithTrace(t.Context(), step), "append", errors.New("away"))
	if id != step.ID() {
		t.Errorf("got id %s, want %s", id, step.ID())
	}
	if line := o.lines(t)[0]; line["span_id"] != step.SpanID() || line["trace_id"] != step.ID() {
		t.Errorf("got %v, want the ids of %s", line, step)
	}
}

func TestDurationsAreLoggedWithTheirUnit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	observability.NewLogger(&out, observability.JSON, slog.LevelInfo, nil).Info("stopping", "drain", 1500*time.Millisecond)
	if !strings.Contains(out.String(), `"drain":"1.5s"`) {
		t.Errorf("got %s, want 1.5s in it", out.String())
	}
}

func TestSecretsNeverReachTheLog(t *testing.T) {
	t.Parallel()
	for _, format := range []observability.LogFormat{observability.JSON, observability.Text} {
		var out bytes.Buffer
		log := observability.NewLogger(&out, format, slog.LevelInfo, nil)
		log.Info("x", "token", "s3cret", "Authorization", "Bearer s3cret", "body", "s3cret",
			"url", "postgres://parley:s3cret@db/parley?sslpassword=s3cret", slog.Group("request", "access_token", "s3cret"))
		log.With("token", "s3cret").Debug("not shown")
		if strings.Contains(out.String(), "s3cret") {
			t.Errorf("a secret is in the log: %s", out.String())
		}
		if !strings.Contains(out.String(), "db/parley") {
			t.Errorf("the harmless part of the URL is gone: %s", out.String())
		}
	}
}
