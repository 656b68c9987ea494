package chat

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits on what a profile has.
const (
	MaxAvatarChars = 2048
	MaxCustomBytes = 4096
)

// Profile is what the service knows of a user apart from their id.
type Profile struct {
	User    UserID
	Name    string // may be empty: then clients show the id
	Avatar  string // where their picture is: an https address or a relative one; may be empty
	Custom  []byte // nil, or a JSON object of the application's own
	Version int64  // 1 for the first profile that is known; each change makes it larger
}

// Claim is what a token says of its user.
type Claim struct {
	User   UserID
	Name   string    // empty: the token does not say
	Avatar string    // empty: the token does not say
	Issued time.Time // zero: the token does not say, and the claim counts as older than all others
}

// Claim returns what the identity's token says of its user.
func (i Identity) Claim() Claim {
	return Claim{User: i.User, Name: i.Name, Avatar: i.Avatar, Issued: i.Issued}
}

// Empty reports whether the claim says nothing.
func (c Claim) Empty() bool { return c.Name == "" && c.Avatar == "" }

// ParseShownName returns s, the display name of a user, without white space around it, or an
// Invalid error. It is like ParseName, but also refuses characters that are invisible or change the
// direction of the text: those that MendName removes.
func ParseShownName(s string) (string, error) {
	name, err := ParseName(s)
	switch {
	case err != nil:
		return "", err
	case strings.ContainsFunc(name, func(r rune) bool { return unseen(r) && !joins(r) }):
		return "", Errorf(Invalid, "name must not have characters that are invisible or turn the text around")
	case s != "" && MendName(name) == "":
		return "", Errorf(Invalid, "name must have a character that can be seen")
	}
	return name, nil
}

// ParseAvatar returns s, the address of a picture, or an Invalid error: an https address, or a
// relative one (RFC 3986, 4.2) that names no host, of at most 2,048 characters. An empty one is
// valid, and stands for none.
func ParseAvatar(s string) (string, error) {
	switch {
	case s == "":
		return "", nil
	case len(s) > MaxAvatarChars*utf8.UTFMax || utf8.RuneCountInString(s) > MaxAvatarChars:
		return "", Errorf(Invalid, "avatar must have at most %d characters", MaxAvatarChars)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, outsideAddress):
		return "", Errorf(Invalid, "avatar must not have white space, characters that are invisible, nor any of <>\"\\^`{|}")
	case !isHTTPS(s) && !isRelative(s):
		return "", Errorf(Invalid, "avatar must begin with https:// and a host, or be relative without one")
	}
	return s, nil
}

// MendAvatar returns the address of a picture that a token has, or "" if that is no such address.
func MendAvatar(s string) string {
	avatar, err := ParseAvatar(s)
	if err != nil {
		return ""
	}
	return avatar
}

// outsideAddress reports whether a character may not stand in an address unescaped.
func outsideAddress(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unseen(r) || strings.ContainsRune("<>\"\\^`{|}", r)
}

// isHTTPS reports whether an address has the scheme https and a host, and no user name before the
// host.
func isHTTPS(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		return false
	}
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	return host != "" && host[0] != ':' && !strings.Contains(host, "@")
}

// isRelative reports whether an address has neither a scheme nor a host.
func isRelative(s string) bool {
	first := s
	if end := strings.IndexAny(s, "/?#"); end >= 0 {
		first = s[:end]
	}
	return !strings.HasPrefix(s, "//") && !strings.Contains(first, ":")
}
