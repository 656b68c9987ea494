package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-chat/parley/adapters/freeaddr"
)

// echoes has a bot of the README that runs at an address, and kills the service while it talks.
func echoes(t *testing.T, begin func(secret, address string) *exec.Cmd) {
	t.Helper()
	p := runs(t)
	alice, admin, address := p.sign(t, "alice"), p.adminToken(t), freeaddr.Must(t)
	wish := strings.ReplaceAll(`{"url":"http://127.0.0.1:9000/","rooms":["*"],"types":["message"],"batch":20,"bot":{"name":"Echo"}}`, "127.0.0.1:9000", address)
	if !strings.Contains(printed(t, "bash", "/v1/hooks"), strings.ReplaceAll(wish, address, "127.0.0.1:9000")) {
		t.Fatal("the README makes another hook")
	}
	made := p.gets(t, http.StatusCreated, admin, "POST", "/v1/hooks", wish)
	var before []string
	for n := range 25 { // more than one answer may have
		before = append(before, fmt.Sprint("before the bot runs ", n))
		p.says(t, alice, "tea", "!echo "+before[n])
	}
	comes(t, "the bot", begin(made.str("secret"), address))
	said := func(want ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("the bot says %q", want), func() error {
			var got []string
			for _, e := range p.gets(t, http.StatusOK, alice, "GET", "/v1/rooms/tea/entries?limit=200", nil).list("entries") {
				if f := frame(e.(map[string]any)); f.sub("author").str("name") == "Echo" {
					got = append(got, f.str("body"))
				}
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("got %q", got)
			}
			return nil
		})
	}
	said(before...)
	test := p.gets(t, http.StatusOK, admin, "POST", "/v1/hooks/"+made.str("hook")+"/test", nil)
	if !test.yes("ok") || test.num("status") != http.StatusOK || strings.TrimSpace(test.str("body")) != `{"do":[]}` {
		t.Errorf("a test comes to %v", test)
	}
	p.types(t, admin, made.str("hook"), alice, "tea")
	p.says(t, alice, "tea", "no echo")
	p.says(t, alice, "tea", "!echo two")
	said(append(before, "two")...)
	p.says(t, alice, "tea", "!echo three")
	p.kill(syscall.SIGKILL)
	<-p.exited
	p.starts()
	said(append(before, "two", "three")...)
	answer, err := http.Post("http://"+address, "application/json", strings.NewReader(`{"entries":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("what is not signed is answered with %s", answer.Status)
	}
}

func TestTheBotOfTheReadmeInNode(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bot.mjs")
	if err := os.WriteFile(file, []byte(printed(t, "js", "createHmac")), 0o600); err != nil {
		t.Fatal(err)
	}
	echoes(t, func(secret, address string) *exec.Cmd {
		_, port, _ := net.SplitHostPort(address)
		cmd := exec.Command(node22(t), file)
		cmd.Env = append(environ(), "SECRET="+secret, "PORT="+port)
		return cmd
	})
}

func TestTheBotOfTheReadmeInGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, path := filepath.Join(dir, "bot.go"), filepath.Join(dir, "bot")
	if err := os.WriteFile(file, []byte(printed(t, "go", "// Command bot")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"vet", file}, {"build", "-o", path, file}} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	echoes(t, func(secret, address string) *exec.Cmd { return exec.Command(path, secret, address) })
}
