package rest_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/httpd"
	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/people"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // it updates the time until the process ends
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"), // it sleeps before it ends
		goleak.Cleanup(func(code int) {
			if left := described().unproved(); code == 0 && wholeRun() && len(left) > 0 {
				fmt.Fprintf(os.Stderr, "no test saw these succeed: %s\n", strings.Join(left, ", "))
				code = 1
			}
			os.Exit(code)
		}),
	)
}

// wholeRun reports whether all tests ran.
func wholeRun() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if flag.Lookup(name).Value.String() != "" {
			return false
		}
	}
	return true
}

// names is a verifier that accepts a user's name as a token: "alice", "alice,admin", "svc,act",
// "alice,general=read". The token "away" fails as if the keys could not be got.
type names struct{}

func (names) Verify(_ context.Context, token string) (chat.Identity, error) {
	user, rest, _ := strings.Cut(token, ",")
	switch user {
	case "":
		return chat.Identity{}, chat.Errorf(chat.Unauthenticated, "there is no token")
	case "forged":
		return chat.Identity{}, chat.Errorf(chat.Unauthenticated, "the token's signature is not good")
	case "away":
		return chat.Identity{}, chat.Wrap(chat.Unavailable, io.ErrUnexpectedEOF, "look for a token's key")
	}
	who := chat.Identity{User: chat.UserID(user), Name: strings.ToUpper(user[:1]) + user[1:], Expires: time.Now().Add(time.Hour)}
	if rest == "admin" {
		who.Admin = true
	} else if rest == "act" {
		who.Act, who.Client = true, "shop"
	} else if room, text, ok := strings.Cut(rest, "="); ok {
		role, err := chat.ParseRole(text)
		if err != nil {
			return chat.Identity{}, err
		}
		who.Grants = chat.Grants{room: role}
	}
	return who, nil
}

// service is the API over HTTP, on a real service that keeps rooms in memory.
type service struct {
	t    *testing.T
	url  string
	http *http.Client
}

type tweak func(*rest.Config, *messaging.Config)

func serve(t *testing.T, tweaks ...tweak) *service {
	t.Helper()
	store := memory.New()
	mc := messaging.Config{Log: store, Directory: store, Lists: store, Slots: store}
	rc := rest.Config{Verifier: names{}}
	for _, tw := range tweaks {
		tw(&rc, &mc)
	}
	m := messaging.New(mc)
	if rc.Writer == nil {
		rc.Writer = m
	}
	rc.Sets = m
	rc.Reader, rc.Rooms, rc.Members, rc.Lists = m, m, m, m
	rc.Profiles = people.New(people.Config{Store: store, Limiter: m})
	api := rest.New(rc)
	server := httpd.New(httpd.Config{Addr: "127.0.0.1:0", Larger: rest.BodyBytes, MayLarger: api.MayLarger}, api.Routes)
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Run(ctx, nobody{}) })
	wg.Go(func() {
		if err := server.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	transport := &http.Transport{}
	t.Cleanup(func() { transport.CloseIdleConnections(); cancel(); wg.Wait() })
	return &service{t, "http://" + server.Addr().String(), &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

// nobody is a listener that ignores what is recorded. Of the rooms that do not exist, the lounge is
// followed.
type nobody struct{ ports.Listener }

func (nobody) Entries([]chat.Entry)           {}
func (nobody) Hear(ports.Notice)              {}
func (nobody) Has(string) bool                { return true }
func (nobody) Followed(room chat.RoomID) bool { return room == "lounge" }

// user is a user with a token.
type user struct {
	*service
	token string
	loose bool
}

func (s *service) as(token string) user { return user{service: s, token: token} }

// loosely returns the user, whose requests may then differ from the description.
func (u user) loosely() user { u.loose = true; return u }

// ask sends a request; body may be empty, and headers come in pairs.
func (u user) ask(method, path, body string, headers ...string) answer {
	u.t.Helper()
	req, err := http.NewRequestWithContext(u.t.Context(), method, u.url+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	if u.token != "" {
		req.Header.Set("Authorization", "Bearer "+u.token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := u.http.Do(req)
	if err != nil {
		u.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	if !u.loose {
		described().check(u.t, req, body, res, text)
	}
	return answer{u.t, method + " " + path, res, string(text)}
}

func (u user) gets(path string) answer        { u.t.Helper(); return u.ask("GET", path, "") }
func (u user) posts(path, body string) answer { u.t.Helper(); return u.ask("POST", path, body) }
func (u user) puts(path, body string) answer  { u.t.Helper(); return u.ask("PUT", path, body) }
func (u user) patches(path, body string) answer {
	u.t.Helper()
	return u.ask("PATCH", path, body)
}
func (u user) deletes(path string) answer { u.t.Helper(); return u.ask("DELETE", path, "") }

// has makes a room of the user.
func (u user) has(room string) user {
	u.t.Helper()
	u.posts("/v1/rooms", `{"room":"`+room+`","public":true}`).is(201, `{"room":"`+room+`"}`)
	return u
}

// says sends a message to general.
func (u user) says(body string) user {
	u.t.Helper()
	u.posts("/v1/rooms/general/messages", `{"body":"`+body+`"}`).is(201, `{"room":"general"}`)
	return u
}

// answer is the answer to a request.
type answer struct {
	t     *testing.T
	asked string
	*http.Response
	text string
}

// is checks the status, and that the body has at least the members of want, a JSON object. "*"
// matches any text.
func (a answer) is(status int, want string) answer {
	a.t.Helper()
	if a.StatusCode != status {
		a.t.Fatalf("%s: got %d %s, want %d", a.asked, a.StatusCode, a.text, status)
	}
	if want == "" {
		if a.text != "" {
			a.t.Errorf("%s: got %s, want no body", a.asked, a.text)
		}
		return a
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("%s: got content of type %q", a.asked, got)
	}
	var got, wanted any
	if err := json.Unmarshal([]byte(a.text), &got); err != nil {
		a.t.Fatalf("%s: got %q: %v", a.asked, a.text, err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		a.t.Fatalf("the test wants %q: %v", want, err)
	}
	if !covers(got, wanted) {
		a.t.Errorf("%s:\n got %s\nwant %s", a.asked, a.text, want)
	}
	return a
}

// fails checks that the answer is an error.
func (a answer) fails(status int, code, message string) {
	a.t.Helper()
	text, err := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": message}})
	if err != nil {
		a.t.Fatal(err)
	}
	a.is(status, string(text))
}

// with checks a header.
func (a answer) with(header, want string) answer {
	a.t.Helper()
	if got := a.Header.Get(header); got != want {
		a.t.Errorf("%s: %s: got %q, want %q", a.asked, header, got, want)
	}
	return a
}

// covers reports whether got has all of want; lists must have the same length.
func covers(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for name, value := range want {
			there, has := object[name]
			if value == nil { // null: it must be missing
				ok = ok && !has
				continue
			}
			ok = ok && has && covers(there, value)
		}
		return ok
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !covers(list[i], want[i]) {
				return false
			}
		}
		return true
	case string:
		text, ok := got.(string)
		return ok && (want == "*" || want == text)
	default:
		return reflect.DeepEqual(got, want)
	}
}
