package jwt_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
)

func TestWhyTokensAreRefusedIsToldInWordsOfAClosedSet(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	var told []string
	v := verifier(t, jwt.Config{
		Issuer: "https://id.example", Audience: "chat", OnRefused: func(reason string) { told = append(told, reason) },
	}, i)
	good := says{"iss": "https://id.example", "aud": "chat"}
	then := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	signed := func(more says) string { return i.sign(t, alice(good, more)) }
	for _, row := range []struct{ token, want string }{
		{"", "missing"},
		{strings.Repeat("x", 9<<10), "too_long"},
		{" " + signed(nil), "malformed"},
		{"a.b.c", "malformed"},
		{signed(says{"exp": then(-time.Hour)}), "expired"},
		{signed(says{"nbf": then(time.Hour)}), "not_yet_valid"},
		{signed(says{"iat": then(time.Hour)}), "not_yet_valid"},
		{signed(says{"iss": "https://else.example"}), "issuer"},
		{signed(says{"aud": "else"}), "audience"},
		{signed(says{"sub": nil}), "claims"},
		{signed(says{"exp": nil}), "claims"},
		{signed(says{"rooms": 1}), "claims"},
		{i.forger(t).sign(t, alice(good, nil)), "signature"},
		{newIssuer(t, "ES256").sign(t, alice(good, nil)), "algorithm"},
	} {
		told = nil
		if _, err := v.Verify(t.Context(), row.token); err == nil || !slices.Equal(told, []string{row.want}) {
			t.Errorf("%.30q: told %v with %v, want %s", row.token, told, err, row.want)
		}
	}
	told = nil
	if _, err := v.Verify(t.Context(), signed(nil)); err != nil || told != nil {
		t.Errorf("a good token: %v, told %v", err, told)
	}
}
