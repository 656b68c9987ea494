package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// durableTests are those of the protocol's own tests of servers that are about reading streams of
// JSON, or of anything where the kind does not matter.
var durableTests = []string{
	"Read Operations should ", "Long-Poll Operations should ", "Read-Your-Writes Consistency should ", "HEAD Metadata should ",
	"HTTP Protocol should (return empty body with up-to-date|read from offset|return correct headers on GET)",
	"Browser Security Headers should include (X-Content-Type-Options: nosniff on (GET|HEAD|SSE|long-poll)|Cross-Origin-Resource-Policy|Cache-Control: no-store on HEAD)",
	"Offset Validation and Resumability should ",
	"Protocol Edge Cases should (preserve data immutability|generate unique|reject empty offset|reject multiple offset|ignore unknown query)",
	"Long-Poll Edge Cases should ",
	"Caching and ETag should (generate ETag|return 304|return 200|return new ETag)",
	"SSE Mode (should (return text/event-stream|accept live=sse query parameter for application/json|require offset|stream data|send control|generate streamCursor|handle cursor|wrap JSON|handle SSE for empty|send upToDate|have correct|handle JSON payloads|generate unique|support reconnection)|JSON SSE)",
	"JSON Mode should (wrap single|store arrays|concatenate|handle mixed|handle various|preserve JSON|work with client)",
	"Property-Based Tests .*(offsets are always|read-your-writes|data at offset never|should reject offsets)",
}

const durableRunner = `
import { runConformanceTests } from "@durable-streams/server-conformance-tests";
runConformanceTests({ baseUrl: process.env.CONFORMANCE_TEST_URL, longPollTimeoutMs: 40_000 });
`

// TestTheReadingHalfOfDurableStreams has the protocol's own tests read from the service. What they
// write, a server of this test brings into rooms, as messages with meta; on the way back it shows
// that again instead of the entries. All else of an answer is the service's own. Some of these
// tests wait two seconds for an event and no longer, so what fails is tried again.
func TestTheReadingHalfOfDurableStreams(t *testing.T) {
	t.Parallel()
	tools, err := filepath.Abs("../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, "memory://", nil)
	b := &bridge{t: t, s: s, token: s.token(t, "boss", claim{"scope", "chat:admin"}), streams: map[string]*bridged{}}
	front := httptest.NewServer(b)
	defer front.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	at, modules := t.TempDir(), filepath.Join(tools, "durable-tests", "node_modules")
	if err := os.Symlink(modules, filepath.Join(at, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "durable.test.mjs"), []byte(durableRunner), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(tools, "node", "bin", "node"), filepath.Join(modules, "vitest", "vitest.mjs"), "run",
		"--reporter=json", "--no-coverage", "--testTimeout=60000", "--retry=3", "-t", strings.Join(durableTests, "|"))
	cmd.Dir = at
	cmd.Env = append(os.Environ(), "CONFORMANCE_TEST_URL="+front.URL)
	out, runErr := cmd.Output()
	var report struct {
		NumPassedTests, NumFailedTests int
		TestResults                    []struct {
			AssertionResults []struct {
				Status, FullName string
				FailureMessages  []string
			}
		}
	}
	if i := bytes.IndexByte(out, '{'); i < 0 || json.Unmarshal(out[i:], &report) != nil {
		t.Fatalf("%v (run make tools if it is not there)\n%s", runErr, out)
	}
	for _, file := range report.TestResults {
		for _, one := range file.AssertionResults {
			if one.Status == "failed" {
				t.Errorf("%s: %.600s", one.FullName, strings.Join(one.FailureMessages, "\n"))
			}
		}
	}
	t.Logf("%d tests of Durable Streams passed", report.NumPassedTests)
	if report.NumPassedTests < 60 {
		t.Errorf("only %d tests passed", report.NumPassedTests)
	}
}

// bridge writes to rooms what the tests write to streams.
type bridge struct {
	t     *testing.T
	s     *service
	token string

	mu      sync.Mutex
	streams map[string]*bridged // by path
}

// bridged is a stream and its room.
type bridged struct {
	room, kind, first string // first: the offset behind the entries of the room's making
}

func (b *bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	is := b.streams[r.URL.Path]
	b.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.Method == http.MethodPut:
		if is == nil {
			is = b.makes(r)
		}
		if len(body) > 0 {
			b.appends(is, body)
		}
		w.Header().Set("Content-Type", is.kind)
		w.Header().Set("Stream-Next-Offset", b.tail(is))
		w.WriteHeader(http.StatusCreated)
	case is == nil:
		b.reads(w, r, &bridged{room: "nowhere"})
	case r.Method == http.MethodPost:
		b.appends(is, body)
		w.Header().Set("Stream-Next-Offset", b.tail(is))
		w.WriteHeader(http.StatusNoContent)
	default:
		b.reads(w, r, is)
	}
}

func (b *bridge) makes(r *http.Request) *bridged {
	is := &bridged{room: b.s.room(), kind: r.Header.Get("Content-Type")}
	b.s.calls(b.t, b.token, http.MethodPost, "/v1/rooms", frame{"room": is.room, "public": true})
	is.first = b.tail(is)
	b.mu.Lock()
	b.streams[r.URL.Path] = is
	b.mu.Unlock()
	return is
}

func (b *bridge) tail(is *bridged) string {
	_, _, header := b.s.calls(b.t, b.token, http.MethodHead, "/v1/ds/rooms/"+is.room, nil)
	return header.Get("Stream-Next-Offset")
}

func (is *bridged) json() bool { return strings.HasPrefix(is.kind, "application/json") }

func (b *bridge) appends(is *bridged, body []byte) {
	said := []any{base64.StdEncoding.EncodeToString(body)}
	if is.json() {
		var value any
		_ = json.Unmarshal(body, &value)
		if list, ok := value.([]any); ok {
			said = list
		} else {
			said = []any{value}
		}
	}
	for _, one := range said {
		b.s.calls(b.t, b.token, http.MethodPost, "/v1/rooms/"+is.room+"/messages", frame{"body": "x", "meta": frame{"is": one}})
	}
}

// reads passes a request to the service, and its answer back.
func (b *bridge) reads(w http.ResponseWriter, r *http.Request, is *bridged) {
	query := r.URL.Query()
	if offset, has := query["offset"]; is.first != "" && (!has && query.Get("live") == "" || len(offset) == 1 && offset[0] == "-1") {
		query.Set("offset", is.first)
	}
	to, err := http.NewRequestWithContext(r.Context(), r.Method, b.s.url+"/v1/ds/rooms/"+is.room+"?"+query.Encode(), nil)
	if err != nil {
		return
	}
	to.Header.Set("Authorization", "Bearer "+b.token)
	to.Header.Set("If-None-Match", r.Header.Get("If-None-Match"))
	response, err := http.DefaultTransport.RoundTrip(to)
	if err != nil {
		return
	}
	defer response.Body.Close()
	for name, values := range response.Header {
		if name != "Content-Length" && name != "Connection" {
			w.Header()[name] = values
		}
	}
	good := response.StatusCode == http.StatusOK
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		w.WriteHeader(response.StatusCode)
		b.passes(w, response.Body, is)
		return
	}
	body, _ := io.ReadAll(response.Body)
	if good && r.Method != http.MethodHead {
		body = is.shows(body)
	}
	if good {
		w.Header().Set("Content-Type", is.kind)
	}
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(body)
}

// shows returns what was written, of an array of entries.
func (is *bridged) shows(entries []byte) []byte {
	var list []struct{ Meta struct{ Is any } }
	_ = json.Unmarshal(entries, &list)
	said, text := []any{}, ""
	for _, e := range list {
		said = append(said, e.Meta.Is)
		part, _ := e.Meta.Is.(string)
		raw, _ := base64.StdEncoding.DecodeString(part)
		text += string(raw)
	}
	if !is.json() {
		return []byte(text)
	}
	body, err := json.Marshal(said)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return body
}

var lineBreak = regexp.MustCompile("\r\n|\r|\n")

// passes passes on events, with what was written in those of data.
func (b *bridge) passes(w http.ResponseWriter, from io.Reader, is *bridged) {
	in := bufio.NewReader(from)
	var kind, data string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case field == "event":
			kind = value
		case field == "data":
			data += value
		case line == "\n" && kind == "data":
			fmt.Fprint(w, "event: data\n")
			for _, part := range lineBreak.Split(string(is.shows([]byte(data))), -1) {
				fmt.Fprintf(w, "data: %s\n", part)
			}
			fmt.Fprint(w, "\n")
			kind, data = "", ""
		case line == "\n" && kind != "":
			fmt.Fprintf(w, "event: %s\ndata:%s\n\n", kind, data)
			kind, data = "", ""
		default:
			fmt.Fprint(w, line)
		}
		w.(http.Flusher).Flush()
	}
}
