package chat_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

func TestOnlyAServiceActsForOthers(t *testing.T) {
	t.Parallel()
	for name, who := range map[string]chat.Identity{
		"a user": {User: "alice"}, "an admin": {User: "root", Admin: true}, "who has grants": {User: "alice", Grants: chat.Grants{"*": chat.Moderate}},
		"whom a service acts for": {User: "bob", Client: "shop", Via: "shop"},
	} {
		for _, whom := range []chat.As{{User: "bob"}, {User: chat.System}} {
			if as, err := who.As(whom); !errors.Is(err, chat.Forbidden) || !reflect.DeepEqual(as, chat.Identity{}) {
				t.Errorf("%s as %s: got %+v, %v", name, whom.User, as, err)
			}
		}
	}
}

func TestWhomAServiceActsForHasNothingOfItsOwn(t *testing.T) {
	t.Parallel()
	service := chat.Identity{
		User: "svc", Name: "The shop", Admin: true, Act: true, Client: "shop", Grants: chat.Grants{"tea": chat.Read}, Issued: time.Unix(1, 0), Expires: time.Unix(9, 0),
	}
	got, err := service.As(chat.As{User: "bob", Name: "Bob"})
	want := chat.Identity{
		User: "bob", Name: "Bob", Client: "shop", Via: "shop", Grants: service.Grants, Issued: service.Issued, Expires: service.Expires,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// TestRightsOfWhomAServiceActsFor goes through every room and token: a user has what they have with
// a token that grants the same, and the system moderates where the token grants anything.
func TestRightsOfWhomAServiceActsFor(t *testing.T) {
	t.Parallel()
	for name, grants := range map[string]chat.Grants{
		"nothing said of rooms": nil, "no rooms": {}, "the room": {"tea": chat.Read}, "the room, to moderate": {"te*": chat.Moderate}, "another room": {"den": chat.Moderate},
	} {
		service := chat.Identity{User: "svc", Admin: true, Act: true, Client: "shop", Grants: grants}
		bob, err := service.As(chat.As{User: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		system, err := service.As(chat.As{User: chat.System})
		if err != nil {
			t.Fatal(err)
		}
		himself := chat.Identity{User: "bob", Grants: grants}
		for _, public := range []bool{false, true} {
			for _, place := range []chat.Member{{}, {User: "bob", Role: chat.Read}, {User: "bob", Role: chat.Moderate}, {User: "bob", Banned: true}} {
				st := chat.Standing{Room: chat.Room{ID: "tea", Public: public}, Member: place}
				if got, want := st.Role(bob), st.Role(himself); got != want {
					t.Errorf("%s, public %t, %+v: as bob it is %s, himself %s", name, public, place, got, want)
				}
			}
			want := chat.None
			if grants == nil || grants.For("tea") != chat.None {
				want = chat.Moderate
			}
			if got := (chat.Standing{Room: chat.Room{ID: "tea", Public: public}}).Role(system); got != want {
				t.Errorf("%s, public %t: the system is %s, want %s", name, public, got, want)
			}
		}
	}
}
