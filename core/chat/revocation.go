package chat

import "time"

// Revocation tells that a user's tokens that were issued up to a time are not valid any more.
type Revocation struct {
	User  UserID
	Until time.Time
}

// Covers reports whether the identity's token is revoked. Tokens have their time of issue in whole
// seconds, so one from the same second as Until is revoked too: issue a new one a second later.
// Tokens without a time of issue stay revoked for ever.
func (r Revocation) Covers(who Identity) bool {
	return who.User == r.User && (who.Issued.IsZero() || who.Issued.Unix() <= r.Until.Unix())
}
