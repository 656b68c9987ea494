package e2e_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// counts reads one metric of a node, by its name and labels.
func (s *service) counts(t *testing.T, series string) float64 {
	t.Helper()
	response, err := http.Get(s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no metric %s", series)
	return 0
}

// Two nodes that do not hear each other find entries by comparing heads. The objective must count
// the time that users wait.
func TestWhatComesLateFromAnotherNodeCountsAsLate(t *testing.T) {
	t.Parallel()
	const series = `parley_hub_fanout_latency_seconds_sum{written="last"}`
	c := startCluster(t, "none")
	alice, bob := c.one.connects(t, "alice"), c.two.connects(t, "bob")
	alice.asks("join", "room", "late")
	alice.asks("send", "room", "late", "body", "makes the room")
	bob.asks("join", "room", "late", "limit", 0)
	sent := time.Now()
	alice.asks("send", "room", "late", "body", "found by comparing heads")
	bob.reads("late", 2, 2)
	late := time.Since(sent)
	eventually(t, "the pass is counted", func() error {
		// The time that is measured here also includes the send's way to the node and the commit.
		if counted := c.two.counts(t, series); counted < late.Seconds()/2 {
			t.Logf("it came %v late, and %v s are counted", late, counted)
			return errNotYet
		}
		return nil
	})
	if here := c.one.counts(t, series); here > late.Seconds()/2 {
		t.Errorf("where it was made it counts as late by %v s", here)
	}
}

func TestSendsCountAlikeOnBothWaysIn(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", nil)
	alice, token := s.connects(t, "alice"), s.token(t, "alice")
	alice.asks("join", "room", "tea")
	alice.asks("send", "room", "tea", "body", "by socket")
	alice.isRefused("invalid", "send", "room", "tea", "body", "")
	s.gets(t, http.StatusCreated, s.token(t, "bob"), http.MethodPost, "/v1/rooms", frame{"room": "bobs"})
	alice.isRefused("not_found", "send", "room", "bobs", "body", "x")
	const path = "/v1/rooms/tea/messages"
	s.gets(t, http.StatusCreated, token, http.MethodPost, path, frame{"body": "by HTTP"})
	s.gets(t, http.StatusUnprocessableEntity, token, http.MethodPost, path, frame{"body": ""})
	s.gets(t, http.StatusNotFound, token, http.MethodPost, "/v1/rooms/bobs/messages", frame{"body": "x"})
	for result, want := range map[string]float64{"ok": 2, "invalid": 2, "not_found": 2, "unavailable": 0, "internal": 0} {
		if got := s.counts(t, `parley_sends_total{result="`+result+`"}`); got != want {
			t.Errorf("%v sends are counted as %s, want %v", got, result, want)
		}
	}
}
