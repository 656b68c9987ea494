package chat

import "strings"

// As names for whom a service acts.
type As struct {
	User UserID // System: for no user
	Name string // the display name to show there; empty: none
}

// As returns the identity of whom a service acts for, or Forbidden where it may not act for others.
//
// As a user it has that user's rights by their place in a room, and in public rooms those of
// everybody, as if the user came with a token that has the service's grants and no scope. So a ban
// of the user holds. As the system it may moderate: in the rooms for which its token has a grant,
// whatever role that is, and in all rooms where its token says nothing of rooms.
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

// ParseClient returns what a token says of the client that it was made for (1–128 characters
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
