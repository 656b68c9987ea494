package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestADrainEndsStreams has a node go away: readers are told when to come back, and polls have
// their answer.
func TestADrainEndsStreams(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", nil)
	room := s.room()
	bob := s.streams(t, streamPath(at{room, 0}), "Authorization", "Bearer "+s.token(t, "bob"))
	if f := bob.sees("ok"); f.str("room") != room {
		t.Fatalf("bob joined %v", f)
	}
	polled := make(chan frame, 1)
	go func() {
		_, page, _ := s.calls(t, s.token(t, "carol"), http.MethodGet, "/v1/rooms/"+room+"/stream?after=0&wait=50", nil)
		polled <- page
	}()
	bob.sees("presence") // carol's poll is there
	s.stop()
	if f := bob.sees("drain"); f.num("reconnect_in_ms") < 1 {
		t.Errorf("bob is told %v", f)
	}
	if f := bob.sees("close"); f.num("code") != 1012 {
		t.Errorf("the stream ends with %v", f)
	}
	<-bob.retries // of the beginning
	if ms, err := strconv.Atoi(<-bob.retries); err != nil || ms < 250 || ms > 1000 {
		t.Errorf("bob is to come back after %d ms", ms)
	}
	bob.await(func(frame) bool { return false })
	select {
	case page := <-polled:
		if len(page.list("entries")) != 0 || !strings.HasSuffix(page.str("id"), ".0") {
			t.Errorf("the poll got %v", page)
		}
	case <-time.After(patience):
		t.Error("the poll has no answer")
	}
}

// TestAStreamThatIsNotReadEnds has a client stop reading. Others do not notice; its stream ends,
// and it goes on from where it stopped.
func TestAStreamThatIsNotReadEnds(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", nil)
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	token := s.token(t, "bob")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /v1/rooms/%s/stream?after=0 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", room, token)
	in := bufio.NewReader(conn)
	var last string
	readID := func() bool {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return false
			}
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				last = strings.TrimSpace(id)
				return true
			}
		}
	}
	readID()
	const count = 5000
	body := strings.Repeat("x", 4000)
	carol := byEvents(t, s, "carol", at{room, 0})
	for range count {
		alice.sends("send", "room", room, "body", body)
	}
	carol.reads(room, 1, count)
	eventually(t, "the stream that is not read ends", func() error {
		response, err := http.Get(s.admin + "/metrics")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil && !strings.Contains(string(text), `parley_sessions_closed_total{reason="slow"} 1`) {
			err = fmt.Errorf("no session was closed for being slow")
		}
		return err
	})
	for readID() { // what was on its way
	}
	_, text, _ := strings.Cut(last, ".")
	seq, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seq >= count {
		t.Fatalf("it stopped at %q", last)
	}
	again := s.streams(t, streamPath(at{room, 0}), "Authorization", "Bearer "+token, "Last-Event-ID", last)
	again.reads(room, seq+1, count)
}
