package chat

import "strings"

// As names the user for whom a service acts.
type As struct {
	User UserID // System: for no user
	Name string // the display name to show there; empty: none
}

// As returns the identity of whom a service acts for, or Forbidden where it may not act for others.
//
// For a user it has the user's rights, as if they came with a token that has the service's grants
// and no scope: by their place in a room, and in public rooms those of everybody. So a ban of the
// user holds. For the system it may moderate the rooms for which its token has any grant, or all
// rooms where its token names none.
func (i Identity) As(whom As) (Identity, error) {
	if !i.Act {
		return Identity{}, Errorf(Forbidden, "as needs a token with the scope chat:act")
	}
	return Identity{
		User: whom.User, Name: whom.Name, Client: i.Client, Via: i.Client,
		Grants: i.Grants, Issued: i.Issued, Expires: i.Expires,
	}, nil
}

// Service reports whether a service speaks, for itself or for somebody else.
func (i Identity) Service() bool { return i.Act || i.Via != "" }

func (i Identity) systemIn(room RoomID) Rights {
	by := Rights{Service: true}
	if i.Grants == nil || i.Grants.For(room) != None {
		by.Granted = Moderate
	}
	return by
}

// ParseClient returns s, a token's name of the client that it was made for (1–128 characters
// without control characters), or an Invalid error.
func ParseClient(s string) (string, error) {
	if err := checkText("client", s, MaxClientChars); err != nil {
		return "", err
	}
	if strings.ContainsRune(s, '\ufffd') {
		return "", Errorf(Invalid, "client must be text without half surrogates and U+FFFD")
	}
	return s, nil
}
