package chat

import "strings"

// As names the user for whom a service acts.
type As struct {
	User UserID // System: the service acts for no user
	Name string // the display name to show there; empty: none
}

// As returns the identity with which a service acts for somebody else. It returns Forbidden if the
// service may not act for others.
//
// If the service acts for a user, it has that user's rights: those of their place in a room, and in
// public rooms those that everybody has. It is as if the user's own token had the service's grants,
// and no scope. So a ban of the user holds. If the service acts for the system, it may moderate the
// rooms for which its token has any grant, or all rooms if its token names none.
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

// ParseClient returns s as the name of a client, which a token names if it was made for a service.
// The name has 1–128 characters, without control characters; otherwise the error is Invalid.
func ParseClient(s string) (string, error) {
	if err := checkText("client", s, MaxClientChars); err != nil {
		return "", err
	}
	if strings.ContainsRune(s, '\ufffd') {
		return "", Errorf(Invalid, "client must be text without half surrogates and U+FFFD")
	}
	return s, nil
}
