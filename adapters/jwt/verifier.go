// Package jwt turns JSON Web Tokens into identities. They are signed by keys in PEM files or in a
// key set that is published by URL, or, for development, by a key pair that the service makes
// itself.
package jwt

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	maxTokenBytes = 8 << 10
	minRSABits    = 2048
	maxRSABits    = 16384
)

// Config says which tokens are valid. Either Keys or JWKSURL is needed.
type Config struct {
	Keys       []Key    // public keys; see ReadKeys
	JWKSURL    string   // of a published key set
	Algorithms []string // allowed algorithms; empty: RS256
	Issuer     string   // if not empty, the iss that a token must have
	Audience   string   // if not empty, one that a token's aud must have

	Refresh     time.Duration     // how often the key set is read anew; 0: 15 min
	HTTPTimeout time.Duration     // for reading the key set; 0: 5 s
	Transport   http.RoundTripper // that reads the key set; nil: http.DefaultTransport
	// Called when the key set cannot be read, by one goroutine at a time; may be nil.
	OnFault func(err error)

	// OnLeftOut is called for a published key that is unusable, with the reason: once as long as it
	// is published in that form. It may be nil.
	OnLeftOut func(kid, why string)

	// OnRefused is called with the reason why a token is refused: missing, too_long, malformed,
	// header, algorithm, unknown_key, signature, expired, not_yet_valid, issuer, audience or
	// claims. It may be nil.
	OnRefused func(reason string)
}

// Verifier implements ports.TokenVerifier. It ignores keys in a token's header (jwk, jku, x5u).
type Verifier struct {
	parser     *jwt.Parser
	algorithms []string
	required   []string // claims that a token must have
	onRefused  func(reason string)
	set        *keySet // nil if keys come from files
	find       func(ctx context.Context, token *jwt.Token) (jwt.VerificationKeySet, error)
	known      known
}

var _ ports.TokenVerifier = (*Verifier)(nil)

// algorithms are the algorithms that can be chosen, without those of shared secrets.
var algorithms = map[string]bool{
	"RS256": true, "RS384": true, "RS512": true, "PS256": true, "PS384": true, "PS512": true,
	"ES256": true, "ES384": true, "ES512": true, "EdDSA": true,
}

// New returns a verifier. The clock of an issuer may be ahead by chat.MaxIssuedAhead: nbf and iat
// have that leeway. A token that has expired by our clock is refused, because its session would end
// at once. If keys come from a URL, New reads them before it returns, and again until ctx ends. It
// is no error if they cannot be read yet: until they can, tokens are Unavailable.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []string{"RS256"}
	}
	for _, a := range cfg.Algorithms {
		if !algorithms[a] {
			return nil, fmt.Errorf("the signature algorithm %q is not one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA", a)
		}
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(cfg.Algorithms), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(chat.MaxIssuedAhead),
		jwt.WithStrictDecoding(),
	}
	required := []string{"exp"}
	if cfg.Issuer != "" {
		options, required = append(options, jwt.WithIssuer(cfg.Issuer)), append(required, "iss")
	}
	if cfg.Audience != "" {
		options, required = append(options, jwt.WithAudience(cfg.Audience)), append(required, "aud")
	}
	v := &Verifier{parser: jwt.NewParser(options...), algorithms: cfg.Algorithms, required: required, onRefused: cfg.OnRefused}
	switch {
	case cfg.JWKSURL != "":
		v.set = newKeySet(ctx, cfg)
		v.find = v.set.find
	case len(cfg.Keys) > 0:
		v.find = fixedKeys(cfg.Keys).find
	default:
		return nil, errors.New("no keys to verify tokens with")
	}
	return v, nil
}

// Published returns the key set for health checks; nil if keys come from files.
func (v *Verifier) Published() Published {
	if v.set == nil {
		return nil
	}
	return v.set
}

// Published is a key set that is read by URL.
type Published interface {
	ports.Checker
	ports.Cached
}

// Verify implements ports.TokenVerifier.
func (v *Verifier) Verify(ctx context.Context, token string) (chat.Identity, error) {
	who, err := v.verify(ctx, token)
	if r, ok := errors.AsType[*refusal](err); ok {
		if v.onRefused != nil {
			v.onRefused(string(r.why))
		}
		return who, r.told
	}
	return who, err
}

func (v *Verifier) verify(ctx context.Context, token string) (chat.Identity, error) {
	if token == "" {
		return chat.Identity{}, refused(missing, "there is no token")
	}
	if len(token) > maxTokenBytes {
		return chat.Identity{}, refused(tooLong, "the token is longer than %d bytes", maxTokenBytes)
	}
	if strings.TrimSpace(token) != token {
		return chat.Identity{}, refused(malformed, "the token has white space around it")
	}
	d, keys := sha256.Sum256([]byte(token)), v.keys()
	if who, ok := v.known.find(d, keys); ok {
		return who, nil
	}
	who, err := v.read(ctx, token)
	if err == nil {
		v.known.put(d, verified{who, keys}, len(token))
	}
	return who, err
}

// keys returns which keys are used now: another number after each change.
func (v *Verifier) keys() uint64 {
	if v.set == nil {
		return 0
	}
	return v.set.version.Load()
}

// read verifies a token that is not known.
func (v *Verifier) read(ctx context.Context, token string) (chat.Identity, error) {
	var c claims
	parsed, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if err := checkHeader(t.Header); err != nil {
			return nil, err
		}
		return v.find(ctx, t)
	})
	if err == nil {
		return c.identity()
	}
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed): // the library has no more precise reason
	case parsed != nil && (parsed.Method == nil || !slices.Contains(v.algorithms, parsed.Method.Alg())):
		return chat.Identity{}, refused(badAlgorithm, "the token's alg must be one of %s", strings.Join(v.algorithms, ", "))
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return chat.Identity{}, refused(badClaims, "the token has no %s", c.missing(v.required))
	}
	return chat.Identity{}, explain(err)
}

// checkHeader refuses headers that would change the meaning of the token.
func checkHeader(header map[string]any) error {
	if _, ok := header["crit"]; ok {
		return refused(badHeader, "the token has critical extensions, and there are none that we know")
	}
	if typ, ok := header["typ"]; ok {
		name, _ := typ.(string)
		name = strings.TrimPrefix(strings.ToLower(name), "application/")
		if name != "jwt" && name != "at+jwt" {
			return refused(badHeader, "the token's type is not JWT")
		}
	}
	return nil
}

// explain turns the library's errors into errors that help the token's owner, without more details.
func explain(err error) error {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return e
	}
	if bad, ok := errors.AsType[*badClaim](err); ok {
		return because(err, badClaims, "the token's "+bad.name+" is of the wrong type")
	}
	for _, known := range []struct {
		is   error
		why  why
		text string
	}{
		{jwt.ErrTokenExpired, expired, "the token has expired"},
		{jwt.ErrTokenNotValidYet, notYetValid, "the token is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, notYetValid, "the token was issued in the future: a clock is wrong"},
		{jwt.ErrTokenInvalidIssuer, badIssuer, "the token is of another issuer"},
		{jwt.ErrTokenInvalidAudience, badAudience, "the token is for another audience"},
		{jwt.ErrTokenSignatureInvalid, badSignature, "the token's signature is not good"},
		{jwt.ErrTokenUnverifiable, unknownKey, "the token is signed by a key that is not known here"},
	} {
		if errors.Is(err, known.is) {
			return because(err, known.why, known.text)
		}
	}
	return because(err, malformed, "the token is malformed")
}
