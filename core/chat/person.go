package chat

import (
	"bytes"
	"time"
)

// Person is what a store keeps of a user: their profile, and where its values came from. A Person
// with only User set is a user of whom nothing is known.
type Person struct {
	Profile
	AsOf       time.Time // when the present values were set, or the token issued that said them
	SaidName   string    // what the last token said
	SaidAvatar string
	Gone       bool // gone for good: nothing is shown, and nothing can be set
}

// ProfileChange says what to set in a profile. A nil field leaves the value as it is.
type ProfileChange struct {
	Name      *string
	Avatar    *string
	Custom    []byte // a JSON object; an object without members removes the present one
	IfVersion *int64 // nil: whatever the present version is; 0: only where there is no profile
	IfThere   bool   // only where there is a profile
}

// Learn takes what a token says of its user, and reports whether that changed anything. It counts
// only if the token was issued after AsOf, or if nothing is known yet. Empty values are ignored,
// and so are values that the last token said already.
func (p *Person) Learn(c Claim) (changed bool) {
	name, avatar := c.Name != "" && c.Name != p.SaidName, c.Avatar != "" && c.Avatar != p.SaidAvatar
	if p.Gone || !name && !avatar || p.Version > 0 && !c.Issued.After(p.AsOf) {
		return false
	}
	if name {
		p.Name, p.SaidName = c.Name, c.Name
	}
	if avatar {
		p.Avatar, p.SaidAvatar = c.Avatar, c.Avatar
	}
	p.AsOf = c.Issued
	p.Version++
	return true
}

// Set makes a change at the given time, and reports whether that changed anything. If the change is
// for another version, the error is a Conflict with the detail Stale. If the user is gone, it is a
// Conflict.
func (p *Person) Set(change ProfileChange, at time.Time) (changed bool, err error) {
	switch {
	case p.Gone:
		return false, Errorf(Conflict, "this user is gone for good")
	case change.IfVersion != nil && *change.IfVersion != p.Version:
		return false, StaleVersion(p.Version)
	case change.IfThere && p.Version == 0:
		return false, NotThere()
	}
	is := p.Profile
	if change.Name != nil {
		is.Name = *change.Name
	}
	if change.Avatar != nil {
		is.Avatar = *change.Avatar
	}
	if change.Custom != nil {
		is.Custom = change.Custom
		if len(bytes.Trim(is.Custom, " \t\r\n{}")) == 0 {
			is.Custom = nil
		}
	}
	if is.Name == p.Name && is.Avatar == p.Avatar && bytes.Equal(is.Custom, p.Custom) {
		return false, nil
	}
	p.Profile = is
	p.Version++
	if at.After(p.AsOf) {
		p.AsOf = at
	}
	return true, nil
}
