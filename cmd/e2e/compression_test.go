package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
	gorilla "github.com/fasthttp/websocket"
)

// A client of another library joins a room, says hello, tells that it is ready, and tells the body
// of each message that it gets, up to the last one.
type foreign struct {
	lines  chan string
	agreed string // the extension
}

func (f *foreign) takes(t *testing.T, raw []byte) (done bool) {
	t.Helper()
	var got frame
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Errorf("%q: %v", raw, err)
		return true
	}
	switch {
	case got.is("ok") && got.str("id") == "hello":
		f.lines <- "ready"
	case got.is("message"):
		f.lines <- got.str("body")
		return got.str("body") == lastBody
	}
	return false
}

const lastBody = "That is all."

// hello is long, so that all libraries compress it.
var hello = strings.Repeat("Hello, everybody! ", 100)

func greeting(room string) []string {
	return []string{
		`{"type":"join","room":"` + room + `","after":0}`,
		`{"type":"send","id":"hello","room":"` + room + `","body":"` + strings.TrimSpace(hello) + `"}`,
	}
}

// said are messages of many sizes.
func said() (bodies []string) {
	for i := range 90 {
		body := fmt.Sprintf("%d: Does anybody know why the build is red? Grüße 👋", i)
		switch i % 10 {
		case 7:
			body += strings.Repeat(" It was the cache again.", 150)
		case 9:
			body = fmt.Sprint(i)
		}
		bodies = append(bodies, body)
	}
	return append(bodies, lastBody)
}

const nodeClient = `
const [url, room, hello, last] = process.argv.slice(1);
const socket = new WebSocket(url);
socket.onopen = () => {
  console.log("agreed " + socket.extensions);
  socket.send(JSON.stringify({type: "join", room, after: 0}));
  socket.send(JSON.stringify({type: "send", id: "hello", room, body: hello}));
};
socket.onmessage = ({data}) => {
  const f = JSON.parse(data);
  if (f.type === "ok" && f.id === "hello") console.log("ready");
  if (f.type === "message") console.log("body " + JSON.stringify(f.body));
  if (f.body === last) socket.close();
};
socket.onerror = e => console.log("error " + e.message);
`

const pythonClient = `
import asyncio, json, sys
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

async def main(url, room, hello, last):
    small = ClientPerMessageDeflateFactory(server_max_window_bits=12, client_max_window_bits=12)
    async with websockets.connect(url, extensions=[small]) as socket:
        print("agreed", "; ".join(str(e) for e in socket.extensions), flush=True)
        await socket.send(json.dumps({"type": "join", "room": room, "after": 0}))
        await socket.send(json.dumps({"type": "send", "id": "hello", "room": room, "body": hello}))
        async for data in socket:
            f = json.loads(data)
            if f["type"] == "ok" and f.get("id") == "hello":
                print("ready", flush=True)
            if f["type"] == "message":
                print("body", json.dumps(f["body"]), flush=True)
            if f.get("body") == last:
                return

asyncio.run(main(*sys.argv[1:]))
`

// launches starts a program that is a client, and reads what it prints.
func launches(ctx context.Context, t *testing.T, room, url string, command ...string) *foreign {
	t.Helper()
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], url, room, strings.TrimSpace(hello), lastBody)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s (run make tools if it is not there): %v", command[0], err)
	}
	f := &foreign{lines: make(chan string, 1000)}
	go func() {
		defer close(f.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			word, rest, _ := strings.Cut(in.Text(), " ")
			switch word {
			case "agreed":
				f.agreed = rest
			case "body":
				var body string
				if err := json.Unmarshal([]byte(rest), &body); err != nil {
					t.Errorf("%q: %v", rest, err)
				}
				f.lines <- body
			default:
				f.lines <- in.Text()
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", command[0], err, complaint.String())
		}
	}()
	return f
}

func coderClient(ctx context.Context, t *testing.T, room, url string, mode websocket.CompressionMode) *foreign {
	t.Helper()
	conn, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1}) //nolint:bodyclose // a dialled socket has none
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	f := &foreign{lines: make(chan string, 1000), agreed: answer.Header.Get("Sec-WebSocket-Extensions")}
	go func() {
		defer close(f.lines)
		defer conn.CloseNow()
		for _, text := range greeting(room) {
			if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
				t.Error(err)
			}
		}
		for done := false; !done; {
			_, raw, err := conn.Read(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			done = f.takes(t, raw)
		}
	}()
	return f
}

func gorillaClient(ctx context.Context, t *testing.T, room, url string) *foreign {
	t.Helper()
	dialer := gorilla.Dialer{EnableCompression: true}
	conn, answer, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	f := &foreign{lines: make(chan string, 1000), agreed: answer.Header.Get("Sec-WebSocket-Extensions")}
	go func() {
		defer close(f.lines)
		defer conn.Close()
		for _, text := range greeting(room) {
			if err := conn.WriteMessage(gorilla.TextMessage, []byte(text)); err != nil {
				t.Error(err)
			}
		}
		for done := false; !done; {
			_, raw, err := conn.ReadMessage()
			if err != nil {
				t.Error(err)
				return
			}
			done = f.takes(t, raw)
		}
	}()
	return f
}

// browserClient runs in a page of the service.
func browserClient(ctx context.Context, t *testing.T, s *service, room, url string) *foreign {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.WSURLReadTimeout(patience))
	alloc, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(alloc)
	t.Cleanup(closeTab)
	script := strings.NewReplacer("process.argv.slice(1)", string(mustJSON([]string{url, room, strings.TrimSpace(hello), lastBody})), "console.log", "told.push").Replace(nodeClient)
	if err := chromedp.Do(tab, chromedp.Navigate(s.url+"/page.json"), chromedp.Evaluate[chromedp.Void]("globalThis.told = []; {"+script+"}")); err != nil {
		t.Fatalf("Chromium: %v", err)
	}
	f := &foreign{lines: make(chan string, 1000)}
	go func() {
		defer close(f.lines)
		for done := false; !done; {
			told, err := chromedp.Run(tab, chromedp.Poll[[]string]("told.length > 0 && told.splice(0)"))
			if err != nil {
				t.Error(err)
				return
			}
			for _, line := range told {
				if is, ok := strings.CutPrefix(line, "agreed "); ok {
					f.agreed = is
					continue
				}
				if quoted, ok := strings.CutPrefix(line, "body "); ok {
					_ = json.Unmarshal([]byte(quoted), &line)
				}
				f.lines <- line
				done = done || line == lastBody
			}
		}
	}()
	return f
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// compressed returns how many messages of a kind went compressed.
func (s *service) compressed(t *testing.T, what string) int {
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
	found := regexp.MustCompile(`parley_compressed_messages_total\{what="` + what + `"\} (\S+)`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// TestClientsOfOtherLibrariesTakeCompressedFrames has clients of five libraries and a browser get
// the messages of a room live, and say something. Most of the messages come in chains, which refer
// back to those before them.
func TestClientsOfOtherLibrariesTakeCompressedFrames(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{"PARLEY_RATE_LIMIT": "off"})
	tools, err := filepath.Abs("../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	node := filepath.Join(tools, "node", "bin", "node")
	wsClient := `const WebSocket = require("node:module").createRequire(` + string(mustJSON(filepath.Join(tools, "ws")+"/")) + `)("ws");` +
		strings.Replace(nodeClient, "new WebSocket(url)", `new WebSocket(url, {perMessageDeflate: {threshold: 1}})`, 1)
	for _, row := range []struct {
		name   string
		agreed string
		least  int // entries that come compressed; those alone are the long ones
		client func(ctx context.Context, t *testing.T, room, url string) *foreign
	}{
		{"coder", "permessage-deflate; client_no_context_takeover", 85, func(ctx context.Context, t *testing.T, room, url string) *foreign {
			return coderClient(ctx, t, room, url, websocket.CompressionContextTakeover)
		}},
		{"coder-no-context", "permessage-deflate; client_no_context_takeover; server_no_context_takeover", 9, func(ctx context.Context, t *testing.T, room, url string) *foreign {
			return coderClient(ctx, t, room, url, websocket.CompressionNoContextTakeover)
		}},
		{"gorilla", "permessage-deflate; client_no_context_takeover; server_no_context_takeover", 9, gorillaClient},
		{"node", "permessage-deflate; client_no_context_takeover", 85, func(ctx context.Context, t *testing.T, room, url string) *foreign {
			return launches(ctx, t, room, url, node, "-e", nodeClient)
		}},
		{"ws", "permessage-deflate", 85, func(ctx context.Context, t *testing.T, room, url string) *foreign {
			return launches(ctx, t, room, url, node, "-e", wsClient)
		}},
		{
			"python-websockets", "PerMessageDeflate(remote_no_context_takeover=False, local_no_context_takeover=True, remote_max_window_bits=12, local_max_window_bits=12)", 85,
			func(ctx context.Context, t *testing.T, room, url string) *foreign {
				return launches(ctx, t, room, url, python(), "-c", pythonClient)
			},
		},
		{"chromium", "permessage-deflate; client_no_context_takeover", 85, func(ctx context.Context, t *testing.T, room, url string) *foreign {
			return browserClient(ctx, t, s, room, url)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
			defer cancel()
			entries, commands := s.compressed(t, "entries"), s.compressed(t, "commands")
			f := row.client(ctx, t, row.name, "ws"+strings.TrimPrefix(s.url, "http")+"/ws?access_token="+s.token(t, row.name))
			next := func() string {
				select {
				case line, ok := <-f.lines:
					if !ok {
						t.Fatal("the client has ended")
					}
					return line
				case <-ctx.Done():
					t.Fatal("nothing comes")
				}
				return ""
			}
			// The answer goes before the entry.
			for _, want := range []string{"ready", strings.TrimSpace(hello)} {
				if got := next(); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			if f.agreed != row.agreed {
				t.Errorf("agreed is %q, want %q", f.agreed, row.agreed)
			}
			alice := s.connects(t, "alice")
			alice.asks("join", "room", row.name)
			for _, body := range said() {
				alice.asks("send", "room", row.name, "body", body)
			}
			for _, want := range said() {
				if got := next(); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			if n := s.compressed(t, "entries") - entries; n < row.least {
				t.Errorf("%d entries came compressed, want %d at least", n, row.least)
			}
			// Node's own client compresses nothing that it sends.
			if n := s.compressed(t, "commands") - commands; n < 1 && row.name != "node" {
				t.Errorf("%d commands went compressed", n)
			}
			for range f.lines { // until the client has ended
				continue
			}
		})
	}
}

// python returns the system's Python, which packages of the system belong to.
func python() string {
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		return "/usr/bin/python3"
	}
	return "python3"
}
