package e2e_test

import (
	"encoding/json"
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

// shop is the back end of deploy/BACKEND.md, as it is printed there, in a folder of its own.
type shop struct {
	*service // Parley, for calls of the shop: its url is the shop's
	t        *testing.T
	dir      string
	env      []string
	runs     *newcomer
	cmd      *exec.Cmd
}

// opens puts the shop into an empty folder and starts it.
func opens(t *testing.T, p *process) *shop {
	t.Helper()
	address := freeaddr.Must(t)
	_, port, _ := net.SplitHostPort(address)
	s := &shop{service: &service{}, t: t, dir: t.TempDir()}
	s.service.url = "http://" + address
	s.env = append(environ(), "PARLEY="+p.url, "PORT="+port, "KEY="+filepath.Join(p.dir, "parley-data", "development-key.pem"))
	if err := os.WriteFile(filepath.Join(s.dir, "shop.mjs"), []byte(printedIn(t, "deploy/BACKEND.md", "js", "shop.jsonl")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.starts()
	return s
}

func (s *shop) starts() {
	s.t.Helper()
	s.cmd = exec.Command(node22(s.t), "shop.mjs")
	s.cmd.Dir, s.cmd.Env = s.dir, s.env
	s.runs = comes(s.t, "the shop", s.cmd)
	s.runs.shows("where it runs", func(lines []string) bool { return slices.Contains(lines, "the shop runs on "+s.url+"/") })
}

func (s *shop) dies() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.runs.exited
}

// facts returns the lines of the shop's database. The last may be one that is being written.
func (s *shop) facts() (facts []frame) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "shop.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var fact frame
		if !strings.HasSuffix(line, "\n") {
			break
		}
		if err := json.Unmarshal([]byte(line), &fact); err != nil {
			s.t.Fatalf("the shop has noted %q: %v", line, err)
		}
		facts = append(facts, fact)
	}
	return facts
}

// rewrites changes the database, like a crash.
func (s *shop) rewrites(change func(facts []frame) (text string)) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "shop.jsonl"), []byte(change(s.facts())), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// sells places an order, and returns the customer's token.
func (s *shop) sells(order, customer string) string {
	s.t.Helper()
	s.gets(s.t, http.StatusOK, "", "POST", "/orders", frame{"order": order, "customer": customer, "name": "Customer " + customer})
	return s.admits(customer)
}

func (s *shop) admits(customer string) string {
	s.t.Helper()
	answer, err := http.Post(s.url+"/token", "application/json", strings.NewReader(fmt.Sprintf(`{"customer":%q}`, customer)))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var token string
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		s.t.Fatal(err)
	}
	return token
}

// verdict compares the log of an order's room with what the shop has noted, and returns an error
// until all is answered. What is there twice fails the test at once.
func (s *shop) verdict(p *process, admin, order string, asked int) error {
	s.t.Helper()
	room := "order-" + order
	answers, noted := map[int64]int{}, map[int64]int{}
	var heard []int64
	greeted, questions := 0, 0
	status, page, _ := p.calls(s.t, admin, "GET", "/v1/rooms/"+room+"/entries?limit=200&only=messages", nil)
	if status != http.StatusOK {
		return fmt.Errorf("%s: %d %v", room, status, page)
	}
	for _, e := range page.list("entries") {
		f := frame(e.(map[string]any))
		switch f.sub("author").str("id") {
		case "shop":
			answers[f.num("reply_to")]++
			continue
		case "~system":
			greeted++
		default:
			questions++
			answers[f.num("seq")] += 0
		}
		heard = append(heard, f.num("seq"))
	}
	for _, fact := range s.facts() {
		if fact.str("room") == room {
			noted[fact.num("seq")]++
		}
	}
	for seq, times := range noted {
		if times > 1 || answers[seq] > 1 {
			s.t.Fatalf("%s: %d is noted %d times and answered %d times", room, seq, times, answers[seq])
		}
	}
	for seq, times := range answers {
		if times == 0 {
			return fmt.Errorf("%s: %d has no answer", room, seq)
		}
	}
	if greeted != 1 || questions != asked || len(noted) != len(heard) {
		return fmt.Errorf("%s: %d greetings, %d questions; noted %v of %v", room, greeted, questions, noted, heard)
	}
	return nil
}

// TestTheBackEndOfTheDocumentLosesAndDoublesNothing kills it and the service in turn, while its
// customers ask.
func TestTheBackEndOfTheDocumentLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	p := runs(t)
	admin := p.adminToken(t)
	s := opens(t, p)
	const each = 30 // more than one answer may have
	asked := map[string]int{}
	ask := func(order, token string) {
		t.Helper()
		p.says(t, token, "order-"+order, "status")
		asked[order]++
	}
	right := func(when string) {
		t.Helper()
		for order, n := range asked {
			eventually(t, when+" all is answered", func() error { return s.verdict(p, admin, order, n) })
		}
	}
	ann, ben := s.sells("1", "ann"), s.sells("2", "ben")
	for range each {
		ask("1", ann)
	}
	s.dies()
	for range each {
		ask("2", ben)
	}
	s.starts()
	ask("1", ann)
	right("after the shop died")

	p.kill(syscall.SIGKILL)
	<-p.exited
	body := `{"order":"3","customer":"ann","name":"Customer ann"}`
	go func() {
		if answer, err := http.Post(s.url+"/orders", "application/json", strings.NewReader(body)); err == nil {
			answer.Body.Close() // it cannot come before the shop dies
		}
	}()
	s.runs.shows("that Parley is away", func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), "ECONNREFUSED") })
	s.dies()
	s.rewrites(func(facts []frame) (text string) { // it died before it had noted its hook, and within a line
		for _, fact := range facts {
			if !fact.has("hook") {
				line, _ := json.Marshal(fact)
				text += string(line) + "\n"
			}
		}
		return text + `{"order":"4","cust`
	})
	s.starts()
	p.starts()
	asked["3"] = 0
	right("after both died")
	ask("3", s.admits("ann"))
	ask("2", ben)
	right("with a new secret")

	var hook string
	for _, h := range p.gets(t, http.StatusOK, admin, "GET", "/v1/hooks", nil).list("hooks") {
		if hook != "" {
			t.Fatal("there are two hooks")
		}
		hook = frame(h.(map[string]any)).str("hook")
	}
	p.types(t, admin, hook, ben, "order-2")
	p.gets(t, http.StatusNoContent, admin, "POST", "/v1/hooks/"+hook+"/seek", frame{})
	eventually(t, "all comes again", func() error {
		if lag := p.gets(t, http.StatusOK, admin, "GET", "/v1/hooks/"+hook+"/behind", nil); lag.num("entries") > 0 {
			return fmt.Errorf("it is behind: %v", lag)
		}
		return nil
	})
	right("when all has come again")
}

func TestTheBackEndOfTheDocumentLetsNobodyIntoOthersOrders(t *testing.T) {
	t.Parallel()
	p := runs(t)
	s := opens(t, p)
	ann, ben := s.sells("1", "ann"), s.sells("2", "ben")
	p.says(t, ann, "order-1", "hello")
	said := p.gets(t, http.StatusOK, ann, "GET", "/v1/rooms/order-1/messages/3", nil) // after her place and the greeting
	if author := said.sub("author"); author.str("id") != "ann" || author.str("name") != "Customer ann" {
		t.Errorf("she said %v", said)
	}
	p.gets(t, http.StatusNotFound, ben, "GET", "/v1/rooms/order-1/entries", nil)
	p.gets(t, http.StatusNotFound, ben, "POST", "/v1/rooms/order-3/messages", frame{"body": "mine"})
	p.gets(t, http.StatusForbidden, ben, "POST", "/v1/rooms", frame{"room": "order-3"})
	p.gets(t, http.StatusNotFound, s.admits("nobody"), "GET", "/v1/rooms/order-1", nil)
	for _, row := range []struct {
		path, body string
		want       int
	}{
		{"/hook", `{"room":"order-1","entries":[]}`, http.StatusUnauthorized},
		{"/orders", `{"order":"A b","customer":"ann"}`, http.StatusBadRequest},
		{"/orders", `{"order":"4"}`, http.StatusBadRequest},
		{"/orders", `{`, http.StatusBadRequest},
		{"/elsewhere", `{}`, http.StatusBadRequest},
	} {
		answer, err := http.Post(s.url+row.path, "application/json", strings.NewReader(row.body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != row.want {
			t.Errorf("%s %s is answered with %s", row.path, row.body, answer.Status)
		}
	}
	s.dies()
	s.starts() // what was refused does not keep it from starting
}

// TestTheShellCommandsOfTheBackEnd runs them as they are printed.
func TestTheShellCommandsOfTheBackEnd(t *testing.T) {
	t.Parallel()
	p := runs(t)
	s := opens(t, p)
	script := replaced(t, printedIn(t, "deploy/BACKEND.md", "sh", "/orders"), "http://127.0.0.1:8080", p.url, "http://127.0.0.1:9000", s.url)
	eventually(t, "the shop answers", func() error {
		cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
		cmd.Dir, cmd.Env = t.TempDir(), environ()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if n := strings.Count(string(out), `"body":"It is being packed."`); n != 1 {
			return fmt.Errorf("it has answered %d times:\n%s", n, out)
		}
		return nil
	})
}
