package chat

import (
	"bytes"
	"time"
)

// Person is what a store keeps of a user: their profile, and what it came of. The zero value but
// for User is a user of whom nothing is known.
type Person struct {
	Profile
	AsOf       time.Time // when what holds was set, or the token was issued that said it
	SaidName   string    // what tokens said last
	SaidAvatar string
	Gone       bool // for good: nothing is shown, and nothing is set
}

// ProfileChange is what to set in a profile; what is nil stays.
type ProfileChange struct {
	Name      *string
	Avatar    *string
	Custom    []byte // a JSON object; one without members takes what is there
	IfVersion *int64 // nil: whatever the present version is; 0: only where there is no profile
	IfThere   bool   // only where there is a profile
}

// Learn takes what a token says, and reports whether that changed anything. It counts if the token
// was issued after AsOf, or nothing is known; and of it what is not empty, and not what tokens said
// last.
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

// Set takes a change at a time, and reports whether that changed anything. It is a Conflict with
// the detail Stale where the change is of another version, and a Conflict of who is gone.
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
