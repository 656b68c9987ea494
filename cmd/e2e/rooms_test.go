package e2e_test

import (
	"net/http"
	"slices"
	"testing"
)

// roomsOfOnesOwn tests a user's list of rooms: which rooms are in it, and what counts as unread.
func roomsOfOnesOwn(t *testing.T, s *service) {
	room, granted, den := s.room(), s.room(), s.room()
	user := "bob-" + room
	token := s.token(t, user)
	alice, bob := s.connects(t, "alice"), s.connects(t, user)
	mine := func(token string) (rooms []string) {
		for after := ""; ; {
			page := s.gets(t, http.StatusOK, token, http.MethodGet, "/v1/rooms?limit=1&after="+after, nil)
			for _, r := range page.list("rooms") {
				rooms = append(rooms, frame(r.(map[string]any)).str("room"))
			}
			if after = page.str("next"); after == "" {
				return rooms
			}
		}
	}
	has := func(what string, got []string, want ...string) {
		t.Helper()
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s the rooms are %v, want %v", what, got, want)
		}
	}

	bob.asks("join", "room", room) // stores nothing
	has("after joining what is not there", mine(token))
	made := alice.asks("send", "room", room, "body", "one")
	if made.sub("made").str("moderator") != "alice" {
		t.Errorf("the first message was answered %v", made)
	}
	alice.asks("send", "room", room, "body", "two")
	for range 3 {
		bob.asks("send", "room", room, "body", "one's own")
	}
	has("after speaking", mine(token), room)
	alice.asks("delete", "room", room, "seq", 2)
	for seq, unread := range map[int]int64{1: 0, 6: 0} {
		if f := bob.asks("read", "room", room, "seq", seq); f.num("unread") != unread {
			t.Errorf("read %d was answered %v, want %d unread", seq, f, unread)
		}
	}
	alice.asks("send", "room", room, "body", "three")
	if f := s.gets(t, http.StatusOK, token, http.MethodGet, "/v1/rooms/"+room, nil); f.num("unread") != 1 || f.num("read") != 6 {
		t.Errorf("the room is %v", f)
	}
	bob.isRefused("invalid", "read", "room", room, "seq", 99)

	owner := s.token(t, "owner")
	s.gets(t, http.StatusCreated, owner, http.MethodPost, "/v1/rooms", frame{"room": den})
	s.gets(t, http.StatusCreated, owner, http.MethodPost, "/v1/rooms", frame{"room": granted})
	s.gets(t, http.StatusOK, owner, http.MethodPut, "/v1/rooms/"+den+"/members/"+user, frame{"role": "read"})
	if f := bob.sees("added"); f.str("room") != den || f.str("role") != "read" || f.sub("by").str("id") != "owner" {
		t.Errorf("the added is told %v", f)
	}
	has("of a member", mine(token), room, den)
	has("of a token for one room", mine(s.token(t, user, claim{"rooms", map[string]string{granted: "read"}})), den, granted)

	s.gets(t, http.StatusNoContent, token, http.MethodDelete, "/v1/rooms/"+den+"/members/"+user, nil) // a reader, without others
	s.gets(t, http.StatusNoContent, token, http.MethodDelete, "/v1/rooms/"+room+"/members/"+user, nil)
	has("after leaving", mine(token))
	s.gets(t, http.StatusConflict, owner, http.MethodDelete, "/v1/rooms/"+den+"/members/owner", nil)
	bob.asks("read", "room", room, "seq", 1)
	has("after reading again", mine(token), room)
}
