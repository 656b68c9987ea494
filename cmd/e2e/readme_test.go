package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// printed returns the README's only code block in a language that contains a text.
func printed(t *testing.T, language, with string) string {
	t.Helper()
	return printedIn(t, "README.md", language, with)
}

// printedIn does so with another document.
func printedIn(t *testing.T, document, language, with string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + document)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, block := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?\n)```\n").FindAllSubmatch(text, -1) {
		if strings.Contains(string(block[1]), with) {
			found = append(found, string(block[1]))
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks of %s with %q", document, len(found), language, with)
	}
	return found[0]
}

// replaced replaces parts of a text, which must exist. The parts are pairs of old and new.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the README's client lacks %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// node22 is the Node of make tools: older ones have no WebSocket.
func node22(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../.tools/node/bin/node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(path); err != nil {
		t.Fatalf("%v; run make tools", err)
	}
	return path
}

// newcomer is a running client of the README.
type newcomer struct {
	t      *testing.T
	name   string
	stdin  io.WriteCloser
	mu     sync.Mutex
	output bytes.Buffer
	exited chan error
}

func (n *newcomer) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.output.Write(b)
}

// shown returns the output so far.
func (n *newcomer) shown() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := n.output.String()
	return strings.Split(text[:strings.LastIndexByte(text, '\n')+1], "\n")
}

// said returns the lines with messages.
func (n *newcomer) said() []string {
	return slices.DeleteFunc(n.shown(), func(line string) bool { return !strings.Contains(line, ": m ") })
}

func (n *newcomer) shows(what string, ok func(lines []string) bool) {
	n.t.Helper()
	eventually(n.t, n.name+" shows "+what, func() error {
		if !ok(n.shown()) {
			return errNotYet
		}
		return nil
	})
}

func comes(t *testing.T, name string, cmd *exec.Cmd) *newcomer {
	t.Helper()
	n := &newcomer{t: t, name: name, exited: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = n, n
	var err error
	if n.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { n.exited <- cmd.Wait(); close(done) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, n.output.String())
		}
	})
	return n
}

// says sends lines to a client's standard input.
func (n *newcomer) says(lines ...string) {
	n.t.Helper()
	if _, err := io.WriteString(n.stdin, strings.Join(lines, "\n")+"\n"); err != nil {
		n.t.Fatal(err)
	}
}

// javaScript runs the README's client in Node, which sends the lines that it reads.
func javaScript(t *testing.T, p *process, token string) *newcomer {
	t.Helper()
	text := replaced(t, printed(t, "js", "follow("), "ws://127.0.0.1:8080/ws", "ws"+strings.TrimPrefix(p.url, "http")+"/ws", `"…"`, `"`+token+`"`)
	text += `
const { createInterface } = await import("node:readline");
createInterface({ input: process.stdin }).on("line", say);
`
	file := filepath.Join(t.TempDir(), "client.mjs")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return comes(t, "JavaScript", exec.Command(node22(t), file))
}

// goProgram builds the README's client in Go.
var goProgram = sync.OnceValues(func() (string, error) {
	if _, err := program(); err != nil { // it makes the folder
		return "", err
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		return "", err
	}
	block := regexp.MustCompile("(?s)\n```go\n(// Command chat .*?\n)```\n").FindSubmatch(readme)
	if block == nil {
		return "", fmt.Errorf("the README has no client in Go")
	}
	file, path := filepath.Join(binaries, "chat.go"), filepath.Join(binaries, "chat")
	if err := os.WriteFile(file, block[1], 0o600); err != nil {
		return "", err
	}
	return path, errors.Join(runGo("vet", file), runGo("build", "-o", path, file))
})

func inGo(t *testing.T, p *process, token string, bodies ...string) *newcomer {
	t.Helper()
	path, err := goProgram()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"ws" + strings.TrimPrefix(p.url, "http") + "/ws", token, "general"}, bodies...)
	return comes(t, "Go", exec.Command(path, args...))
}

// numbered returns bodies with their author and number.
func numbered(who string, from, to int) (bodies []string) {
	for n := from; n < to; n++ {
		bodies = append(bodies, fmt.Sprintf("m %s %d", who, n))
	}
	return bodies
}

// TestTheClientsOfTheReadmeLoseAndDoubleNothing kills the service while the clients send, and later
// has it drain.
func TestTheClientsOfTheReadmeLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	const each = 150
	p := runs(t, "PARLEY_DRAIN=2s")
	js := javaScript(t, p, p.sign(t, "alice"))
	js.shows("its own hello", func(lines []string) bool { return slices.Contains(lines, "alice: hello") })
	inBetween := inGo(t, p, p.sign(t, "bob"), numbered("go", 0, each)...)
	enough := func(n int) func([]string) bool { return func([]string) bool { return len(js.said()) >= n } }

	js.says(numbered("js", 0, 50)...)
	js.shows("the first messages", enough(20))
	p.kill(syscall.SIGKILL)
	<-p.exited
	js.says(numbered("js", 50, 100)...)
	p.starts()
	js.shows("what was said meanwhile", func([]string) bool { return slices.Contains(js.said(), "alice: m js 75") })
	p.kill(syscall.SIGTERM)
	js.says(numbered("js", 100, each)...)
	<-p.exited
	p.starts()

	complete := func(n *newcomer) {
		n.shows("all messages", func([]string) bool { return len(n.said()) >= 2*each })
	}
	complete(js)
	complete(inBetween)
	var log []string
	reader := p.connects(t, "reader")
	head := reader.asks("join", "room", "general", "after", 0).num("head")
	for _, e := range reader.reads("general", 1, head) {
		if strings.HasPrefix(e.str("body"), "m ") {
			log = append(log, e.sub("author").str("name")+": "+e.str("body"))
		}
	}
	for _, n := range []*newcomer{js, inBetween} {
		if got := n.said(); !slices.Equal(got, log) {
			t.Errorf("%s shows %d messages, and not those of the log in its order: %q, want %q", n.name, len(got), got, log)
		}
	}
	slices.Sort(log)
	if once := slices.Compact(slices.Clone(log)); len(log) != 2*each || len(once) != 2*each {
		t.Errorf("the log has %d messages, %d different ones; want each of %d once", len(log), len(once), 2*each)
	}
}

func TestTheClientsOfTheReadmeEndWhereTheyAreRefused(t *testing.T) {
	t.Parallel()
	p := runs(t)
	for name, end := range map[string]func(t *testing.T) *newcomer{
		"JavaScript, by its token": func(t *testing.T) *newcomer { t.Helper(); return javaScript(t, p, "bad") },
		"Go, by its token":         func(t *testing.T) *newcomer { t.Helper(); return inGo(t, p, "bad") },
		"JavaScript, by an operator": func(t *testing.T) *newcomer {
			t.Helper()
			n := javaScript(t, p, p.sign(t, "alice"))
			n.shows("its own hello", func(lines []string) bool { return slices.Contains(lines, "alice: hello") })
			p.disconnects(t, "alice")
			return n
		},
		"Go, by an operator": func(t *testing.T) *newcomer {
			t.Helper()
			n := inGo(t, p, p.sign(t, "bob"), "hello")
			n.shows("its own hello", func(lines []string) bool { return slices.Contains(lines, "bob: hello") })
			p.disconnects(t, "bob")
			return n
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := end(t)
			n.stdin.Close()
			<-n.exited // it does not try again
			n.shows("why", func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), "over") })
		})
	}
}

// disconnects ends a user's sessions, like an operator.
func (p *process) disconnects(t *testing.T, user string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, p.admin+"/users/"+user+"/sessions", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

// If a service comes back with another, shorter history, clients follow it from its start.
func TestTheClientsOfTheReadmeBeginAnewWithAnotherHistory(t *testing.T) {
	t.Parallel()
	p := runs(t)
	js := javaScript(t, p, p.sign(t, "alice"))
	js.shows("its own hello", func(lines []string) bool { return slices.Contains(lines, "alice: hello") })
	other := inGo(t, p, p.sign(t, "bob"), "one", "two", "three")
	js.shows("what was said", func(lines []string) bool { return slices.Contains(lines, "bob: three") })
	p.kill(syscall.SIGKILL)
	<-p.exited
	stores, err := filepath.Glob(filepath.Join(p.dir, "parley-data", "*.db*"))
	if err != nil || len(stores) == 0 {
		t.Fatalf("there is no store: %v", err)
	}
	for _, file := range stores {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	p.starts()
	js.says("m of the new history")
	for _, n := range []*newcomer{js, other} {
		n.shows("the new history", func(lines []string) bool { return slices.Contains(lines, "alice: m of the new history") })
	}
}

func TestTheJavaScriptClientOfTheReadmeInAnOutage(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "client.js")
	if err := os.WriteFile(file, []byte(printed(t, "js", "follow(")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), node22(t), "testdata/readme.mjs", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheShellCommandsOfTheReadme runs them in a new folder, and again after a restart.
func TestTheShellCommandsOfTheReadme(t *testing.T) {
	t.Parallel()
	p := runs(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	script := replaced(t, printed(t, "sh", "curl "), "go run ./cmd/parley", path, "http://127.0.0.1:8080", p.url)
	call := func() (answers []frame) {
		cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
		cmd.Dir, cmd.Env = p.dir, p.env
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, &complaints)
		}
		for in := json.NewDecoder(bytes.NewReader(out)); in.More(); {
			var answer frame
			if err := in.Decode(&answer); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			answers = append(answers, answer)
		}
		if len(answers) != 2 {
			t.Fatalf("%d answers: %s", len(answers), out)
		}
		return answers
	}
	for again := range 2 {
		answers := call()
		sent, entries := answers[0], answers[1].list("entries")
		if !sent.has("seq") || sent.yes("duplicate") != (again == 1) {
			t.Errorf("call %d: sent: %v", again+1, sent)
		}
		said := 0
		for _, e := range entries {
			if e, _ := e.(map[string]any); e["type"] == "message" && e["body"] == "hello" {
				said++
			}
		}
		if said != 1 {
			t.Errorf("call %d: it is said %d times: %v", again+1, said, entries)
		}
		p.kill(syscall.SIGKILL)
		<-p.exited
		p.starts()
	}
}
