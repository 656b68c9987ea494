package jwt_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	lib "github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestVerifierKeepsItsContract(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			portstest.TokenVerifier(t, func(t *testing.T) portstest.VerifierUnderTest {
				i := newIssuer(t, alg)
				v := verifier(t, jwt.Config{Algorithms: []string{alg}}, i)
				return portstest.VerifierUnderTest{Verifier: v, Issue: i.issue, Forge: i.forger(t).issue}
			})
		})
	}
}

const malformed = "the token is malformed"

func TestClaims(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{Issuer: "https://id.example", Audience: "chat"}, i)
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	good := says{"iss": "https://id.example", "aud": "chat"}
	for name, test := range map[string]struct {
		claims says
		want   string
	}{
		"all is well":                     {nil, "alice"},
		"one audience of several":         {says{"aud": []string{"other", "chat"}}, "alice"},
		"claims that nobody knows":        {says{"email": "a@example", "groups": []int{1}}, "alice"},
		"not before, within the leeway":   {says{"nbf": in(10 * time.Second)}, "alice"},
		"a fraction of a second":          {says{"exp": float64(in(time.Hour)) + 0.5}, "alice"},
		"null for what may be absent":     {says{"name": nil, "rooms": nil, "scope": nil}, "alice"},
		"no exp":                          {says{"exp": nil}, "the token has no exp"},
		"expired":                         {says{"exp": in(-time.Minute)}, "the token has expired"},
		"expired just now":                {says{"exp": in(-time.Second)}, "the token has expired"},
		"issued ahead, within the leeway": {says{"iat": in(20 * time.Second)}, "alice"},
		"exp in text":                     {says{"exp": "99999999999"}, "the token's exp is of the wrong type"},
		"exp before all time":             {says{"exp": -1}, "the token's exp is of the wrong type"},
		"exp after all time":              {says{"exp": 1e300}, "the token's exp is of the wrong type"},
		"not valid yet":                   {says{"nbf": in(time.Hour)}, "the token is not valid yet"},
		"issued in the future":            {says{"iat": in(time.Hour)}, "the token was issued in the future: a clock is wrong"},
		"another issuer":                  {says{"iss": "https://id.example/"}, "the token is of another issuer"},
		"no issuer":                       {says{"iss": nil}, "the token has no iss"},
		"another audience":                {says{"aud": "chatter"}, "the token is for another audience"},
		"no audience":                     {says{"aud": nil}, "the token has no aud"},
		"no sub":                          {says{"sub": nil}, "the token's sub must be a user id: user must have 1 to 128 characters"},
		"a sub that is a number":          {says{"sub": 42}, "the token's sub is of the wrong type"},
		"rooms that are a list":           {says{"rooms": []string{"general"}}, "the token's rooms is of the wrong type"},
		"a room with a role unheard of":   {says{"rooms": says{"a": "read", "b": "own"}}, "the token's rooms must map rooms to read, write or moderate"},
		"a room with a role that is one":  {says{"rooms": says{"a": 1}}, "the token's rooms is of the wrong type"},
		"a scope that is a number":        {says{"scope": 1}, "the token's scope is of the wrong type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := outcome(t, v, i.sign(t, alice(good, test.claims))); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAnOddNameIsMendedAndLocksNobodyOut(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	for _, row := range []struct{ name, want string }{
		{`"Alice"`, "Alice"},
		{`" Ali\tce\u0000 \r\n L. "`, "Ali ce L."},
		{`"` + strings.Repeat("界", 1000) + `"`, strings.Repeat("界", 128)},
		{`"\u202eecila\u202c \u2066x\u2069"`, "ecila x"},
		{`"Al\ud800ice"`, "Al\ufffdice"},
		{"\"Al\xffice\"", "Al\ufffdice"},
		{`"\u200b\u2060\ufe0f"`, ""},
		{`"👩\u200d👩\u200d👧 نمی\u200cخواهم"`, "👩\u200d👩\u200d👧 نمی\u200cخواهم"},
		{`42`, ""},
		{`["Alice"]`, ""},
		{`{"first":"Alice"}`, ""},
		{`true`, ""},
		{`null`, ""},
		{`""`, ""},
	} {
		who, err := v.Verify(t.Context(), i.signText(t, `{"sub":"alice","exp":9999999999,"name":`+row.name+`}`))
		if err != nil || who.User != "alice" || who.Name != row.want {
			t.Errorf("%.40s: got %q, %v, want %q", row.name, who.Name, err, row.want)
		}
	}
}

// A picture that is no safe address is as good as none: its user has no hand in that.
func TestAPictureOfATokenIsASafeAddressOrNone(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	for picture, want := range map[string]string{
		`"https://example.com/a.png"`: "https://example.com/a.png", `"/a.png"`: "/a.png", `"javascript:alert(1)"`: "", `"http://example.com/a.png"`: "", `"a b"`: "",
		`"` + strings.Repeat("a", 3000) + `"`: "", `42`: "", `["/a.png"]`: "", `null`: "", `""`: "",
	} {
		who, err := v.Verify(t.Context(), i.signText(t, `{"sub":"alice","exp":9999999999,"picture":`+picture+`}`))
		if err != nil || who.Avatar != want {
			t.Errorf("%.40s: got %q, %v, want %q", picture, who.Avatar, err, want)
		}
	}
}

func TestUsersWhoseIdsAreNoTextAreNotOne(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	for _, sub := range []string{`"\ud800"`, `"a\udbffb"`, `"\udc00\ud800"`, "\"a\xff\"", `"\ufffd"`} {
		if who, err := v.Verify(t.Context(), i.signText(t, `{"sub":`+sub+`,"exp":9999999999}`)); !errors.Is(err, chat.Unauthenticated) {
			t.Errorf("%q: got %q, %v", sub, who.User, err)
		}
	}
	who, err := v.Verify(t.Context(), i.signText(t, `{"sub":"\ud83d\ude00","exp":9999999999}`))
	if err != nil || who.User != "😀" {
		t.Errorf("got %q, %v", who.User, err)
	}
}

func TestAnIdentitySaysWhenItsTokenWasIssued(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for name, row := range map[string]struct {
		iat  any
		want time.Time
	}{
		"to the second":                {at.Unix(), at},
		"more exactly than is counted": {float64(at.Unix()) + 0.5, at},
		"in 1970, which is a time too": {0, time.Unix(0, 0)},
		"not at all":                   {nil, time.Time{}},
	} {
		who, err := v.Verify(t.Context(), i.sign(t, alice(says{"iat": row.iat})))
		if err != nil || !who.Issued.Equal(row.want) {
			t.Errorf("%s: got %v, %v; want %v", name, who.Issued, err, row.want)
		}
	}
}

func TestClaimsAreReadByTheirExactNames(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	token := i.signText(t, `{"sub":"alice","Sub":"mallory","SCOPE":"chat:admin","Rooms":{"x":"moderate"},"exp":9999999999,"exp":9999999998}`)
	who, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if who.User != "alice" || who.Admin || who.Grants != nil || who.Expires.Unix() != 9999999998 {
		t.Errorf("got %+v, want alice without rights, until the last exp", who)
	}
	if got, want := outcome(t, v, i.signText(t, `null`)), "the token has no exp"; got != want {
		t.Errorf("no claims: got %q, want %q", got, want)
	}
	for _, claims := range []string{`[]`, `"alice"`, `1`, ``, `{`} {
		if got := outcome(t, v, i.signText(t, claims)); got != malformed {
			t.Errorf("claims %s: got %q, want %q", claims, got, malformed)
		}
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	for name, test := range map[string]struct {
		scope any
		admin bool
	}{
		"alone":                {"chat:admin", true},
		"among others":         {"openid  chat:admin email", true},
		"in an array":          {[]string{"openid", "chat:admin"}, true},
		"as a part of a word":  {"chat:administrator xchat:admin", false},
		"in other case":        {"Chat:Admin", false},
		"as a part of an item": {[]string{"openid chat:admin"}, false},
		"empty":                {"", false},
	} {
		who, err := v.Verify(t.Context(), i.sign(t, alice(says{"scope": test.scope})))
		if err != nil || who.Admin != test.admin {
			t.Errorf("%s: got %v, %v, want %v", name, who.Admin, err, test.admin)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	mallory := i.forger(t)
	for name, test := range map[string]struct {
		header says
		want   string
	}{
		"no typ":              {says{"typ": nil}, "alice"},
		"typ in lower case":   {says{"typ": "jwt"}, "alice"},
		"an access token":     {says{"typ": "at+JWT"}, "alice"},
		"a whole media type":  {says{"typ": "application/at+jwt"}, "alice"},
		"a kid for a file":    {says{"kid": "../../dev/null"}, "alice"},
		"another typ":         {says{"typ": "logout+jwt"}, "the token's type is not JWT"},
		"typ that is no text": {says{"typ": 1}, "the token's type is not JWT"},
		"unknown crit":        {says{"crit": []string{"exp"}}, "the token has critical extensions, and there are none that we know"},
		"b64 in crit":         {says{"crit": []string{"b64"}, "b64": false}, "the token has critical extensions, and there are none that we know"},
		"crit that is empty":  {says{"crit": []string{}}, "the token has critical extensions, and there are none that we know"},
	} {
		if got := outcome(t, v, i.sign(t, alice(), test.header)); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	own := says{"jwk": mallory.jwk(nil), "jku": "https://mallory.example/jwks.json", "x5u": "https://mallory.example/x.pem"}
	if got, want := outcome(t, v, mallory.sign(t, alice(), own)), "the token's signature is not good"; got != want {
		t.Errorf("a key in the header: got %q, want %q", got, want)
	}
}

// TestAlgorithms signs with algorithms that are not allowed, and with keys of another type than the
// algorithm's.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	es := newIssuer(t, "ES256")
	v := verifier(t, jwt.Config{Algorithms: []string{"RS256", "ES256", "ES384"}}, i, es)
	shared := func(alg string, secret []byte) string {
		text := segment(`{"alg":"`+alg+`"}`) + "." + segment(`{"sub":"alice","exp":9999999999}`)
		signature, err := lib.GetSigningMethod(alg).Sign(text, secret)
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	unsigned := func(alg string) string {
		return segment(`{"alg":"`+alg+`"}`) + "." + segment(`{"sub":"alice","exp":9999999999}`) + "."
	}
	const notChosen = "the token's alg must be one of RS256, ES256, ES384"
	for name, test := range map[string]struct{ token, want string }{
		"RS256":                        {i.sign(t, alice()), "alice"},
		"ES256":                        {es.sign(t, alice()), "alice"},
		"RS512, with the right key":    {issuer{"RS512", "", i.key}.sign(t, alice()), notChosen},
		"PS256, with the right key":    {issuer{"PS256", "", i.key}.sign(t, alice()), notChosen},
		"HS256 by the public key":      {shared("HS256", i.pem(t)), notChosen},
		"HS512 by nothing":             {shared("HS512", nil), notChosen},
		"none":                         {unsigned("none"), notChosen},
		"None":                         {unsigned("None"), notChosen},
		"an alg that does not exist":   {unsigned("RS257"), notChosen},
		"ES384, and no such key":       {newIssuer(t, "ES384").sign(t, alice()), "the token's algorithm fits none of the keys here"},
		"an ES256 signature of zeroes": {unsigned("ES256") + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), "the token's signature is not good"},
		"no signature":                 {unsigned("RS256"), "the token's signature is not good"},
	} {
		if got := outcome(t, v, test.token); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// TestOneTokenHasOneForm changes bits that a lax base64 decoder does not look at.
func TestOneTokenHasOneForm(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	token := i.sign(t, alice())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1]) // of 256 bytes in base64, 4 bits of the last character are unused
	for bits := 1; bits < 16; bits++ {
		if got := outcome(t, v, token[:len(token)-1]+string(alphabet[last^bits])); got != malformed {
			t.Errorf("got %q, want %q", got, malformed)
		}
	}
	if got := outcome(t, v, token+"=="); got != malformed {
		t.Errorf("padding: got %q, want %q", got, malformed)
	}
}

func TestATokenHasAtMost8KiB(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	if got := outcome(t, v, i.sign(t, alice(says{"pad": strings.Repeat("x", 5000)}))); got != "alice" {
		t.Errorf("below: got %q, want alice", got)
	}
	const want = "the token is longer than 8192 bytes"
	if got := outcome(t, v, i.sign(t, alice(says{"pad": strings.Repeat("x", 8000)}))); got != want {
		t.Errorf("above: got %q, want %q", got, want)
	}
}

func TestSeveralKeysAreTriedInTurn(t *testing.T) {
	t.Parallel()
	first := newIssuer(t, "RS256")
	second := first.forger(t)
	third := newIssuer(t, "EdDSA")
	v := verifier(t, jwt.Config{Algorithms: []string{"RS256", "EdDSA"}}, first, second, third)
	for n, i := range []issuer{first, second, third} {
		if got := outcome(t, v, i.sign(t, alice())); got != "alice" {
			t.Errorf("key %d: got %q, want alice", n+1, got)
		}
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	keys, err := jwt.ParseKeys(newIssuer(t, "ES256").pem(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]jwt.Config{
		"no keys":              {},
		"a shared secret":      {Keys: keys, Algorithms: []string{"HS256"}},
		"no signature at all":  {Keys: keys, Algorithms: []string{"none"}},
		"an unknown algorithm": {Keys: keys, Algorithms: []string{"RS256", "rs512"}},
	} {
		if _, err := jwt.New(t.Context(), cfg); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			i := newIssuer(b, alg)
			v := verifier(b, jwt.Config{Algorithms: []string{alg}}, i)
			token := i.sign(b, alice(says{"name": "Alice", "rooms": says{"general": "write"}}))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAServiceIsNamedByItsToken(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	long := strings.Repeat("界", chat.MaxClientChars+1)
	for name, row := range map[string]struct {
		claims says
		client string // empty: it is refused
	}{
		"by azp":                     {says{"azp": "shop", "client_id": "other"}, "shop"},
		"by client_id":               {says{"client_id": "shop"}, "shop"},
		"by sub":                     {nil, "alice"},
		"by sub, as azp is no text":  {says{"azp": 7}, "alice"},
		"by sub, as azp is empty":    {says{"azp": ""}, "alice"},
		"with as many characters":    {says{"azp": long[len("界"):]}, long[len("界"):]},
		"not with too many":          {says{"azp": long}, ""},
		"not with a control":         {says{"client_id": "a\nb"}, ""},
		"not with what is no text":   {says{"azp": "a\ufffd"}, ""},
		"not where the first is bad": {says{"azp": "\x00", "client_id": "shop"}, ""},
	} {
		for _, scope := range []any{"chat:act", "x chat:admin chat:act", []string{"chat:act"}} {
			who, err := v.Verify(t.Context(), i.sign(t, alice(says{"scope": scope}, row.claims)))
			if row.client == "" {
				if !errors.Is(err, chat.Unauthenticated) {
					t.Errorf("%s: got %+v, %v", name, who, err)
				}
				continue
			}
			if err != nil || !who.Act || who.Client != row.client || who.Via != "" {
				t.Errorf("%s: got %+v, %v, want the client %s", name, who, err, row.client)
			}
		}
		who, err := v.Verify(t.Context(), i.sign(t, alice(says{"scope": "chat:action Chat:act"}, row.claims)))
		if err != nil || who.Act || who.Client != "" {
			t.Errorf("%s, without the scope: got %+v, %v", name, who, err)
		}
	}
}

func TestTheServicesOwnNamesAreNobodys(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	for _, sub := range []string{"~system", "~", "~alice"} {
		if who, err := v.Verify(t.Context(), i.sign(t, alice(says{"sub": sub}))); !errors.Is(err, chat.Unauthenticated) {
			t.Errorf("%s: got %+v, %v", sub, who, err)
		}
	}
}
