package e2e_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

// receiver is somebody's back end that is told what is recorded.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	came    []parcel
	secrets []string                                     // one of them signs each parcel
	answers func(w http.ResponseWriter, n int, p parcel) // nil: 200 with nothing; n counts from 1
}

// parcel is one POST.
type parcel struct {
	id, body string
	batch    frame
	signed   []int // the secrets with which it is signed
	trace    string
	headers  http.Header
}

// signedBy reports whether a parcel is signed with the private key of a public one, as Standard
// Webhooks says of the scheme v1a.
func (p parcel) signedBy(key string) bool {
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whpk_"))
	if err != nil || len(public) != ed25519.PublicKeySize {
		return false
	}
	content := []byte(p.id + "." + p.headers.Get("webhook-timestamp") + "." + p.body)
	return slices.ContainsFunc(strings.Split(p.headers.Get("webhook-signature"), " "), func(one string) bool {
		text, is := strings.CutPrefix(one, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(text)
		return is && err == nil && ed25519.Verify(public, content, signature)
	})
}

func receives(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	p := parcel{id: request.Header.Get("webhook-id"), body: string(body), trace: request.Header.Get("traceparent"), headers: request.Header}
	if err != nil || json.Unmarshal(body, &p.batch) != nil {
		return // the service was killed over it
	}
	r.mu.Lock()
	for i, secret := range r.secrets {
		if hook, err := standard.NewWebhook(secret); err == nil && hook.Verify(body, request.Header) == nil {
			p.signed = append(p.signed, i)
		}
	}
	r.came = append(r.came, p)
	n, answers := len(r.came), r.answers
	r.mu.Unlock()
	if answers != nil {
		answers(w, n, p)
	}
}

func (r *receiver) answer(with func(w http.ResponseWriter, n int, p parcel)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = with
}

func status(code int) func(http.ResponseWriter, int, parcel) {
	return func(w http.ResponseWriter, _ int, _ parcel) { w.WriteHeader(code) }
}

// parcels are those that came so far.
func (r *receiver) parcels() []parcel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.came)
}

func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came = nil
}

// bodies are those of the messages of a room that came so far, in their order. A parcel that comes
// again, by its id, is taken once, as a back end must: the hook is changed under way, or is slow.
func (r *receiver) bodies(room string) (list []string) {
	taken := map[string]bool{}
	for _, p := range r.parcels() {
		if taken[p.id] {
			continue
		}
		taken[p.id] = true
		for _, e := range p.batch.list("entries") {
			if f := frame(e.(map[string]any)); f.str("room") == room && f.is("message") {
				list = append(list, f.str("body"))
			}
		}
	}
	return list
}

func (r *receiver) sees(room string, want ...string) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("the back end is told %q", want), func() error {
		if got := r.bodies(room); !slices.Equal(got, want) {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
}

// hooked makes a hook for a receiver, and returns its path.
func hooked(t *testing.T, s *service, admin string, r *receiver, more frame) string {
	t.Helper()
	wish := frame{"url": r.URL + "/in", "rooms": []string{"*"}, "from": "start"}
	maps.Copy(wish, more)
	made := s.gets(t, http.StatusCreated, admin, "POST", "/v1/hooks", wish)
	r.mu.Lock()
	r.secrets = append(r.secrets, made.str("secret"))
	r.mu.Unlock()
	return "/v1/hooks/" + made.str("hook")
}

// adminToken has the program make a token of an admin.
func (p *process) adminToken(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "token", "--sub", "root", "--admin")
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("parley token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func (s *service) says(t *testing.T, token, room, body string) int64 {
	t.Helper()
	status, f, _ := s.calls(t, token, "POST", "/v1/rooms/"+room+"/messages", frame{"body": body})
	if status != http.StatusCreated {
		t.Fatalf("%q: %d %v", body, status, f)
	}
	return f.num("seq")
}

// TestAHookLosesAndDoublesNothingOverAKill kills the service after a bot has answered, and before
// that is noted: what the bot asked for is done once, and nothing that was said is missing.
func TestAHookLosesAndDoublesNothingOverAKill(t *testing.T) {
	t.Parallel()
	p, r := runs(t), receives(t)
	alice, admin := p.sign(t, "alice"), p.adminToken(t)
	killed := make(chan struct{})
	r.answer(func(w http.ResponseWriter, n int, got parcel) {
		var do []frame
		for _, e := range got.batch.list("entries") {
			f := frame(e.(map[string]any))
			do = append(do, frame{"type": "send", "body": "echo " + f.str("body")})
		}
		_ = json.NewEncoder(w).Encode(frame{"do": do})
		if n == 1 { // it has all of the answer, and does not get further than that
			w.(http.Flusher).Flush()
			p.kill(syscall.SIGKILL)
			close(killed)
		}
	})
	p.says(t, alice, "tea", "one")
	hooked(t, p.service, admin, r, nil)
	<-killed
	<-p.exited
	p.starts()
	p.says(t, alice, "tea", "two")
	eventually(t, "both are told", func() error {
		if got := r.bodies("tea"); !slices.Contains(got, "two") {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
	parcels := r.parcels()
	if first, again := parcels[0], parcels[1]; first.id != again.id || first.body != again.body || len(first.signed) != 0 && len(again.signed) != 1 {
		t.Errorf("what came again is another parcel: %+v, %+v", first, again)
	}
	eventually(t, "each is echoed once", func() error {
		f := p.gets(t, http.StatusOK, alice, "GET", "/v1/rooms/tea/entries", nil)
		var echoed []string
		for _, e := range f.list("entries") {
			if body := frame(e.(map[string]any)).str("body"); strings.HasPrefix(body, "echo ") {
				echoed = append(echoed, body)
			}
		}
		slices.Sort(echoed)
		if !slices.Equal(echoed, []string{"echo one", "echo two"}) {
			return fmt.Errorf("got %q", echoed)
		}
		return nil
	})
}

// TestAnEndpointThatWasAwayIsToldOfAllRoomsSoon has an endpoint fail in many rooms. Once it answers
// in one of them, it is told of all.
func TestAnEndpointThatWasAwayIsToldOfAllRoomsSoon(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{"PARLEY_HOOKS_KEY": strings.Repeat("ab", 32), "PARLEY_HOOKS_ALLOW": "127.0.0.0/8"})
	alice, admin := s.token(t, "alice"), s.token(t, "root", claim{"scope", "chat:admin"})
	r := receives(t)
	r.answer(status(http.StatusInternalServerError))
	path := hooked(t, s, admin, r, nil)
	const rooms = 30
	for i := range rooms {
		s.says(t, alice, fmt.Sprint("away", i), "hi")
	}
	eventually(t, "it fails", func() error {
		waiting := s.gets(t, http.StatusOK, admin, "GET", path+"/behind", nil).list("waiting")
		for _, is := range waiting {
			if frame(is.(map[string]any)).num("tries") > 0 && len(r.parcels()) >= 3 {
				return nil
			}
		}
		return fmt.Errorf("it waits in %v", waiting)
	})
	r.forget()
	r.answer(nil)
	s.gets(t, http.StatusNoContent, admin, "POST", path+"/retry", frame{"room": "away0"})
	r.sees("away0", "hi")
	back := time.Now()
	for i := range rooms {
		r.sees(fmt.Sprint("away", i), "hi")
	}
	if took := time.Since(back); took > 10*time.Second {
		t.Errorf("all rooms were told %v after the first", took)
	}
}

// TestHooksOnEachStore is what hooks are to their owners.
func TestHooksOnEachStore(t *testing.T) {
	t.Parallel()
	stores := map[string]func(t *testing.T) string{
		"memory":     func(*testing.T) string { return "memory://" },
		"SQLite":     func(t *testing.T) string { return "sqlite://" + t.TempDir() + "/parley.db" },
		"PostgreSQL": func(t *testing.T) string { return pgtest.URL(t) },
	}
	for name, url := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hookSuite(t, start(t, url(t), map[string]string{
				"PARLEY_HOOKS_KEY": strings.Repeat("ab", 32), "PARLEY_HOOKS_ALLOW": "127.0.0.0/8",
			}))
		})
	}
}

func hookSuite(t *testing.T, s *service) {
	alice := s.token(t, "alice")
	admin := s.token(t, "root", claim{"scope", "chat:admin"})
	r := receives(t)
	path := hooked(t, s, admin, r, frame{"rooms": []string{"tea*"}, "types": []string{"message", "deleted"}})
	set := func(change frame) frame { t.Helper(); return s.gets(t, http.StatusOK, admin, "PATCH", path, change) }

	s.says(t, alice, "tea", "one")
	s.says(t, alice, "den", "elsewhere")
	r.sees("tea", "one")
	if got := r.parcels()[0]; !slices.Equal(got.signed, []int{0}) || got.batch.str("type") != "entries" {
		t.Errorf("got %+v", got)
	}
	traced := 0
	eventually(t, "what is told as it comes has its trace", func() error { // what is read from the log, later, has none
		traced++
		room := fmt.Sprint("tea-traced-", traced)
		s.calls(t, alice, "POST", "/v1/rooms/"+room+"/messages", frame{"body": "x"}, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		r.sees(room, "x")
		if all := r.parcels(); !slices.ContainsFunc(all, func(p parcel) bool { return strings.Contains(p.trace, "0af7651916cd43dd8448eb211c80319c") }) {
			return fmt.Errorf("got %+v", all)
		}
		return nil
	})

	set(frame{"paused": true})
	s.says(t, alice, "tea", "two")
	before := set(frame{"ed25519": true}).list("public_keys")
	rotated := set(frame{"rotate": true})
	keys := rotated.list("public_keys")
	if len(before) != 1 || len(keys) != 2 || keys[1] != before[0] {
		t.Errorf("the public keys are %q, and were %q", keys, before)
	}
	r.mu.Lock()
	r.secrets = append(r.secrets, rotated.str("secret"))
	r.mu.Unlock()
	set(frame{"paused": false})
	r.sees("tea", "one", "two")
	if all := r.parcels(); !slices.Equal(all[len(all)-1].signed, []int{0, 1}) {
		t.Errorf("after the secret was rotated it is signed with %v", all[len(all)-1].signed)
	}
	for _, key := range keys {
		if all := r.parcels(); !all[len(all)-1].signedBy(fmt.Sprint(key)) {
			t.Errorf("it is not signed with the private key of %v", key)
		}
	}

	r.forget()
	r.answer(status(http.StatusInternalServerError))
	seq := s.says(t, alice, "tea", "secret thoughts")
	eventually(t, "it fails", func() error {
		f := s.gets(t, http.StatusOK, admin, "GET", path+"/behind", nil)
		if rooms := f.list("waiting"); len(rooms) != 1 || frame(rooms[0].(map[string]any)).str("error") != "it answered 500" {
			return fmt.Errorf("behind: %v", f)
		}
		return nil
	})
	s.gets(t, http.StatusOK, alice, "DELETE", fmt.Sprint("/v1/rooms/tea/messages/", seq), nil)
	r.forget()
	r.answer(nil)
	eventually(t, "the deletion is told", func() error {
		for _, p := range r.parcels() {
			if strings.Contains(p.body, "secret thoughts") {
				t.Fatalf("what was deleted is told: %s", p.body)
			}
			if strings.Contains(p.body, `"type":"deleted"`) {
				return nil
			}
		}
		return errNotYet
	})

	r.forget()
	s.gets(t, http.StatusNoContent, admin, "POST", path+"/seek", frame{})
	eventually(t, "all comes again", func() error {
		if got := r.bodies("tea"); !slices.Equal(got, []string{"one", "two", ""}) {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
	s.gets(t, http.StatusUnprocessableEntity, admin, "POST", path+"/seek", frame{"room": "tea", "after": 99})
	s.gets(t, http.StatusConflict, admin, "POST", path+"/skip", frame{"room": "tea", "to": 99, "why": "x"})
	s.gets(t, http.StatusForbidden, alice, "GET", "/v1/hooks", nil)

	pull := s.gets(t, http.StatusCreated, admin, "POST", "/v1/hooks", frame{"kind": "pull", "rooms": []string{"den"}, "from": "start"})
	from := "/v1/hooks/" + pull.str("hook")
	batch := frame(s.gets(t, http.StatusOK, pull.str("secret"), "GET", from+"/entries?wait=15", nil).list("batches")[0].(map[string]any))
	if batch.str("room") != "den" || batch.num("last") != 1 {
		t.Errorf("pulled %v", batch)
	}
	s.gets(t, http.StatusOK, pull.str("secret"), "POST", from+"/ack", frame{"id": batch.str("id")})
	s.says(t, alice, "den", "more")
	began := time.Now()
	if again := s.gets(t, http.StatusOK, pull.str("secret"), "GET", from+"/entries?wait=15", nil); len(again.list("batches")) != 1 {
		t.Errorf("pulled %v after %v", again, time.Since(began))
	}

	made := 2
	for ; made < 100; made++ {
		if code, _, _ := s.calls(t, admin, "POST", "/v1/hooks", frame{"kind": "pull", "rooms": []string{"x*"}}); code != http.StatusCreated {
			break
		}
	}
	if made != 50 {
		t.Errorf("%d hooks were made", made)
	}
	s.gets(t, http.StatusNoContent, admin, "DELETE", path, nil)
	r.forget()
	s.says(t, alice, "tea", "after it was removed")
	s.gets(t, http.StatusCreated, admin, "POST", "/v1/hooks", frame{"kind": "pull", "rooms": []string{"x*"}})
	if got := r.parcels(); len(got) > 0 {
		t.Errorf("one that was removed is told %+v", got)
	}
}

// TestSecretsOfHooksAreShownOnce looks for them wherever something is shown.
func TestSecretsOfHooksAreShownOnce(t *testing.T) {
	t.Parallel()
	p, r := runs(t, "PARLEY_LOG_LEVEL=debug"), receives(t)
	alice, admin := p.sign(t, "alice"), p.adminToken(t)
	path := hooked(t, p.service, admin, r, nil)
	r.answer(status(http.StatusTeapot))
	p.says(t, alice, "tea", "one")
	rotated := p.gets(t, http.StatusOK, admin, "PATCH", path, frame{"rotate": true})
	eventually(t, "it fails", func() error {
		response, err := http.Get(p.admin + "/metrics")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if len(r.parcels()) == 0 || !regexp.MustCompile(`(?m)^parley_hook_tries_total\{[^}]*\} [1-9]`).Match(text) {
			return errors.Join(errNotYet, err)
		}
		return nil
	})
	p.gets(t, http.StatusNoContent, admin, "POST", path+"/skip", frame{"room": "tea", "to": 1, "why": "it is a teapot"})
	shown := fmt.Sprint(p.gets(t, http.StatusOK, admin, "GET", path, nil), p.gets(t, http.StatusOK, admin, "GET", "/v1/hooks", nil))
	for _, at := range []string{"/metrics", "/debug/settings", "/debug/consumers", "/debug/build"} {
		response, err := http.Get(p.admin + at)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", at, response.Status, err)
		}
		shown += string(text)
	}
	p.kill(syscall.SIGTERM)
	<-p.exited
	shown += p.output.String()
	for _, secret := range append(r.secrets, rotated.str("secret")) {
		if bare := strings.TrimPrefix(secret, "whsec_"); bare == "" || strings.Contains(shown, bare) {
			t.Errorf("a secret is shown: %q", secret)
		}
	}
	for _, want := range []string{"a hook was made", "a hook was rotated", "a hook was skipped", "it is a teapot", "does not arrive"} {
		if !strings.Contains(p.output.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if n := strings.Count(p.output.String(), "does not arrive"); n > 1 {
		t.Errorf("the log says %d times that it fails", n)
	}
}
