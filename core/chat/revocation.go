package chat

import "time"

// Revocation tells that tokens of a user are good no more: those that were issued up to a time.
type Revocation struct {
	User  UserID
	Until time.Time
}

// Covers reports whether the identity's token is among those that were revoked. Tokens say when
// they were issued in whole seconds, so one of the second of Until is, too: whoever makes a new one
// does so a second later. One that does not say when is revoked for good.
func (r Revocation) Covers(who Identity) bool {
	return who.User == r.User && (who.Issued.IsZero() || who.Issued.Unix() <= r.Until.Unix())
}
