package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

// peopleByID follows what a user is called: from their token, by what they set, and to those who
// asked.
func peopleByID(t *testing.T, s *service) {
	room := s.room()
	user, nobody := "carol-"+room, "nobody-"+room
	token := s.token(t, user, claim{"name", "Carol"}, claim{"picture", "https://example.com/carol.png"})
	path := "/v1/users/" + user
	watcher, other := s.connects(t, "alice"), s.connects(t, "bob")
	watcher.asks("users", "ids", []string{user, nobody})
	s.gets(t, http.StatusOK, token, http.MethodGet, "/v1/rooms", nil) // shows the token
	f := watcher.sees("user").sub("user")
	if f.str("id") != user || f.str("name") != "Carol" || f.str("avatar") != "https://example.com/carol.png" || f.num("v") != 1 {
		t.Errorf("of the token the watcher is told %v", f)
	}
	if f := s.gets(t, http.StatusOK, token, http.MethodGet, path, nil); f.str("name") != "Carol" {
		t.Errorf("by HTTP it is %v", f)
	}
	s.gets(t, http.StatusNotFound, token, http.MethodGet, "/v1/users/"+nobody, nil)

	set := s.gets(t, http.StatusOK, token, http.MethodPut, path, frame{"name": "Caro", "custom": frame{"n": 1}}, "If-Match", `"1"`)
	if set.num("v") != 2 || set.sub("custom").num("n") != 1 {
		t.Errorf("it was set to %v", set)
	}
	s.gets(t, http.StatusPreconditionFailed, token, http.MethodPut, path, frame{"name": "x"}, "If-Match", `"1"`)
	s.gets(t, http.StatusForbidden, s.token(t, "bob"), http.MethodPut, path, frame{"name": "x"})
	if f := watcher.sees("user").sub("user"); f.str("name") != "Caro" || f.num("v") != 2 {
		t.Errorf("of the change the watcher is told %v", f)
	}
	users := other.asks("users", "ids", []string{nobody, user, user}).list("users")
	if len(users) != 1 || frame(users[0].(map[string]any)).str("name") != "Caro" {
		t.Errorf("the socket answers %v", users)
	}
	other.isRefused("invalid", "users", "ids", []string{".."})
	other.isRefused("invalid", "users", "ids", make([]string, 101))

	// Entries keep the name of their time, which is the token's.
	carol := s.connects(t, user, claim{"name", "Carol"})
	carol.asks("join", "room", room)
	carol.asks("send", "room", room, "body", "hi")
	if f := carol.sees("message"); f.sub("author").str("name") != "Carol" {
		t.Errorf("the entry is %v", f)
	}
}

// roomsInOneCall goes through a user's rooms by pages while others go on talking.
func roomsInOneCall(t *testing.T, s *service) {
	user := "dora-" + s.room()
	token := s.token(t, user)
	owner, dora := s.connects(t, "owner"), s.connects(t, user)
	var rooms []string
	for range 12 {
		room := s.room()
		owner.asks("join", "room", room)
		owner.asks("send", "room", room, "body", "in "+room)
		dora.asks("read", "room", room, "seq", 1)
		owner.asks("send", "room", room, "body", "and more in "+room)
		rooms = append(rooms, room)
	}
	for _, sort := range []string{"active", "name", "id"} {
		var got []string
		query := url.Values{"sort": {sort}, "limit": {"5"}}
		for {
			page := s.gets(t, http.StatusOK, token, http.MethodGet, "/v1/rooms?"+query.Encode(), nil)
			for _, r := range page.list("rooms") {
				r := frame(r.(map[string]any))
				got = append(got, r.str("room"))
				if last := r.sub("last"); last.str("body") == "" || last.str("room") != r.str("room") || r.num("unread") == 0 {
					t.Errorf("a room is shown as %v", r)
				}
			}
			if !page.has("next") {
				break
			}
			query.Set("cursor", page.str("next"))
			for _, i := range []int{0, 5, 11, len(got) % 12} {
				owner.asks("send", "room", rooms[i], "body", fmt.Sprint("meanwhile ", len(got)))
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(rooms)); !slices.Equal(got, want) {
			t.Errorf("by %s come %v, want %v", sort, got, want)
		}
	}
	page := s.gets(t, http.StatusOK, token, http.MethodGet, "/v1/rooms?sort=active&limit=1", nil)
	if next := page.str("next"); next == "" {
		t.Errorf("the first page is %v", page)
	} else {
		s.gets(t, http.StatusUnprocessableEntity, s.token(t, "owner"), http.MethodGet, "/v1/rooms?sort=active&cursor="+next, nil)
	}
}

// renamedOnBoth has a user renamed on one node, and those who look at them on the other told.
func renamedOnBoth(t *testing.T, c *cluster) {
	user := "erin-" + c.one.room()
	here, there := c.one.connects(t, "alice"), c.two.connects(t, "bob")
	for _, p := range []*peer{here, there} {
		p.asks("users", "ids", []string{user})
	}
	token := c.one.token(t, user, claim{"name", "Erin"})
	eventually(t, "both nodes tell of people", func() error {
		for _, s := range []*service{c.one, c.two} {
			if features := s.connects(t, "carol").welcome.list("features"); !slices.Contains(features, any("people")) {
				return fmt.Errorf("features are %v, %w", features, errNotYet)
			}
		}
		return nil
	})
	c.one.gets(t, http.StatusOK, token, http.MethodPut, "/v1/users/"+user, frame{"name": "Erin E."})
	for _, p := range []*peer{here, there} {
		if _, ok := p.await(func(f frame) bool { return f.is("user") && f.sub("user").str("name") == "Erin E." }); !ok {
			t.Error(errors.New("the connection ended"))
		}
	}
	c.two.gets(t, http.StatusOK, token, http.MethodPut, "/v1/users/"+user, frame{"name": "Erin F."})
	for _, p := range []*peer{here, there} {
		if f, _ := p.await(func(f frame) bool { return f.is("user") && f.sub("user").str("name") == "Erin F." }); f.sub("user").num("v") != 3 {
			t.Errorf("%s is told %v", p.name, f)
		}
	}
}
