package jwt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/core/chat"
)

// FuzzVerify looks for a token that is accepted without a valid signature, or that makes the
// verifier panic.
func FuzzVerify(f *testing.F) {
	es, ed := newIssuer(f, "ES256"), newIssuer(f, "EdDSA")
	v := verifier(f, jwt.Config{Algorithms: []string{"ES256", "EdDSA"}}, es, ed)
	signed := map[string]bool{}
	add := func(token string) {
		signed[token[:strings.LastIndexByte(token, '.')]] = true
		f.Add(token)
	}
	add(es.sign(f, alice()))
	add(ed.sign(f, alice(says{"name": "Alice", "rooms": says{"a-*": "read"}, "scope": []string{"chat:admin"}})))
	add(ed.sign(f, alice(says{"exp": time.Now().Add(-time.Hour).Unix(), "aud": []string{"a", "b"}})))
	f.Add(es.forger(f).sign(f, alice()))
	f.Add(segment(`{"alg":"none"}`) + "." + segment(`{"sub":"alice","exp":9999999999}`) + ".")
	f.Add(segment(`{"alg":"HS256","crit":["b64"]}`) + ".." + segment("x"))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		who, err := v.Verify(t.Context(), token)
		if err != nil {
			if e := chat.AsError(err); e.Kind != chat.Unauthenticated || e.Reason == "" {
				t.Fatalf("got %#v, want Unauthenticated with a reason", e)
			}
			return
		}
		if !signed[token[:strings.LastIndexByte(token, '.')]] {
			t.Fatalf("%q speaks for %+v, and nobody signed it", token, who)
		}
	})
}

// FuzzClaims looks for claims, in signed tokens, that make the verifier panic or result in an
// invalid identity.
func FuzzClaims(f *testing.F) {
	i := newIssuer(f, "EdDSA")
	v := verifier(f, jwt.Config{Algorithms: []string{"EdDSA"}}, i)
	f.Add(`{"sub":"alice","exp":9999999999}`)
	f.Add(`{"sub":"alice","exp":9.9e9,"nbf":0,"iat":1.5,"aud":["a"],"rooms":{"a":"read"},"scope":"x chat:admin","name":" A "}`)
	f.Add(`{"sub":"\u0000","exp":1e308,"rooms":null,"scope":[]}`)
	f.Fuzz(func(t *testing.T, claims string) {
		who, err := v.Verify(t.Context(), i.signText(t, claims))
		if err != nil {
			if e := chat.AsError(err); e.Kind != chat.Unauthenticated || e.Reason == "" {
				t.Fatalf("got %#v, want Unauthenticated with a reason", e)
			}
			return
		}
		if _, err := chat.ParseUserID(string(who.User)); err != nil {
			t.Errorf("%q is no user id: %v", who.User, err)
		}
		if name, err := chat.ParseName(who.Name); err != nil || name != who.Name {
			t.Errorf("%q is no name", who.Name)
		}
		if time.Until(who.Expires) < -time.Minute {
			t.Errorf("it expired at %v", who.Expires)
		}
	})
}
