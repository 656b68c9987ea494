package jwt

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/core/chat"
)

const (
	adminScope = "chat:admin"
	actScope   = "chat:act"
)

// claims are a token's claims. Method identity checks them, after the signature was checked, with
// errors for the token's owner.
type claims struct {
	jwt.RegisteredClaims
	name     string
	picture  string
	azp      string // the client that the token was issued to (OpenID Connect)
	clientID string // the same (RFC 9068)
	rooms    map[string]string
	scope    []string
}

// UnmarshalJSON reads claims by their exact names: encoding/json would accept Sub for sub. If an
// issuer lets users choose custom claims, they could then be anybody. Of two claims with one name
// the last one counts, as RFC 7519 allows.
func (c *claims) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	if members == nil {
		return errors.New("the claims are not an object")
	}
	for _, claim := range []struct {
		name string
		read func(json.RawMessage) error
	}{
		{"sub", into(&c.Subject)},
		{"iss", into(&c.Issuer)},
		{"aud", into(&c.Audience)},
		{"name", said(&c.name)},
		{"picture", said(&c.picture)},
		{"azp", said(&c.azp)},
		{"client_id", said(&c.clientID)},
		{"rooms", into(&c.rooms)},
		{"exp", date(&c.ExpiresAt)},
		{"nbf", date(&c.NotBefore)},
		{"iat", date(&c.IssuedAt)},
		{"scope", words(&c.scope)},
	} {
		value, ok := members[claim.name]
		if !ok || string(value) == "null" {
			continue
		}
		if err := claim.read(value); err != nil {
			return &badClaim{claim.name, err}
		}
	}
	return nil
}

// badClaim is a claim of the wrong JSON type.
type badClaim struct {
	name  string
	cause error
}

func (b *badClaim) Error() string { return "claim " + b.name + ": " + b.cause.Error() }
func (b *badClaim) Unwrap() error { return b.cause }

func into[T any](to *T) func(json.RawMessage) error {
	return func(value json.RawMessage) error { return json.Unmarshal(value, to) }
}

// said reads an optional claim. A value that is not a string counts as missing.
func said(to *string) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		_ = json.Unmarshal(value, to) // other types count as missing
		return nil
	}
}

// lastSecond is the end of the year 9999: later times are refused, because they would overflow.
const lastSecond = 253402300799

// date reads seconds since 1970, which may have a fraction.
func date(to **jwt.NumericDate) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		var seconds float64
		if err := json.Unmarshal(value, &seconds); err != nil {
			return err
		}
		if seconds < 0 || seconds > lastSecond {
			return errors.New("it is not a date")
		}
		*to = jwt.NewNumericDate(time.UnixMilli(int64(seconds * 1000)))
		return nil
	}
}

// words reads a list of words: one string (RFC 8693), or an array, as some issuers write it.
func words(to *[]string) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		var text string
		if json.Unmarshal(value, &text) == nil {
			*to = strings.Fields(text)
			return nil
		}
		return json.Unmarshal(value, to)
	}
}

// Validate implements the library's ClaimsValidator: there is no leeway for expired tokens.
func (c *claims) Validate() error {
	if c.ExpiresAt != nil && !time.Now().Before(c.ExpiresAt.Time) {
		return jwt.ErrTokenExpired
	}
	return nil
}

// missing returns the first of the required claims that the token lacks, or an empty string.
func (c *claims) missing(names []string) string {
	has := map[string]bool{"exp": c.ExpiresAt != nil, "iss": c.Issuer != "", "aud": len(c.Audience) > 0}
	for _, name := range names {
		if !has[name] {
			return name
		}
	}
	return "content"
}

func (c *claims) identity() (chat.Identity, error) {
	user, err := chat.ParseUserID(c.Subject)
	if err != nil {
		return chat.Identity{}, refused(badClaims, "the token's sub must be a user id: %s", chat.AsError(err).Reason)
	}
	// Invalid text, such as half a surrogate, was read as U+FFFD: users whose ids differ only there
	// would be the same.
	if strings.ContainsRune(c.Subject, utf8.RuneError) {
		return chat.Identity{}, refused(badClaims, "the token's sub must be text without half surrogates and U+FFFD")
	}
	who := chat.Identity{User: user, Name: chat.MendName(c.name), Avatar: chat.MendAvatar(c.picture), Expires: c.ExpiresAt.Time}
	if c.IssuedAt != nil {
		who.Issued = c.IssuedAt.Time
	}
	for _, word := range c.scope {
		who.Admin = who.Admin || word == adminScope
		who.Act = who.Act || word == actScope
	}
	if who.Act {
		if who.Client, err = chat.ParseClient(cmp.Or(c.azp, c.clientID, c.Subject)); err != nil {
			return chat.Identity{}, refused(badClaims, "the token's azp or client_id must name a client: %s", chat.AsError(err).Reason)
		}
	}
	if c.rooms == nil {
		return who, nil
	}
	who.Grants = make(chat.Grants, len(c.rooms))
	for pattern, text := range c.rooms {
		role, err := chat.ParseRole(text)
		if err != nil {
			return chat.Identity{}, refused(badClaims, "the token's rooms must map rooms to read, write or moderate")
		}
		who.Grants[pattern] = role
	}
	return who, nil
}
