package jwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	lib "github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/core/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer signs tokens with one key.
type issuer struct {
	alg string
	kid string // empty: its tokens have no kid
	key crypto.Signer
}

// rsaKeys are made once, because it takes long.
var rsaKeys = [2]func() *rsa.PrivateKey{sync.OnceValue(newRSA), sync.OnceValue(newRSA)}

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func newIssuer(t testing.TB, alg string) issuer {
	t.Helper()
	return issuer{alg: alg, key: newKey(t, alg, 0)}
}

// forger is an issuer with the same algorithm and kid, and another key.
func (i issuer) forger(t testing.TB) issuer {
	t.Helper()
	return issuer{i.alg, i.kid, newKey(t, i.alg, 1)}
}

func newKey(t testing.TB, alg string, n int) (key crypto.Signer) {
	t.Helper()
	var err error
	switch alg {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key = rsaKeys[n]()
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pem returns the issuer's public key in the form of a key file.
func (i issuer) pem(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// jwk returns the issuer's public key in the form of a key set.
func (i issuer) jwk(more map[string]any) map[string]any {
	b64 := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	jwk := map[string]any{"kid": i.kid, "use": "sig", "alg": i.alg}
	switch k := i.key.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		half := len(point) / 2
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", k.Curve.Params().Name, b64(point[1:1+half]), b64(point[1+half:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", b64(k)
	}
	maps.Copy(jwk, more)
	return jwk
}

// says are a token's claims.
type says = map[string]any

// alice returns valid claims; changes replace them, and a nil removes a claim.
func alice(changes ...says) says {
	c := says{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()}
	for _, change := range changes {
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	return c
}

// sign makes a token; header fields replace the usual ones, and a nil removes one.
func (i issuer) sign(t testing.TB, claims says, header ...says) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return i.signText(t, string(text), header...)
}

// signText is sign for claims as a text.
func (i issuer) signText(t testing.TB, claims string, header ...says) string {
	t.Helper()
	method := lib.GetSigningMethod(i.alg)
	h := says{"alg": i.alg, "typ": "JWT"}
	if i.kid != "" {
		h["kid"] = i.kid
	}
	for _, change := range header {
		for name, value := range change {
			if h[name] = value; value == nil {
				delete(h, name)
			}
		}
	}
	head, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	text := segment(string(head)) + "." + segment(claims)
	signature, err := method.Sign(text, i.key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// issue makes a token of an identity, for the contract suite.
func (i issuer) issue(t *testing.T, who chat.Identity) string {
	t.Helper()
	c := says{"sub": who.User, "exp": who.Expires.Unix(), "scope": "openid"}
	if who.Name != "" {
		c["name"] = who.Name
	}
	if who.Admin {
		c["scope"] = "openid chat:admin profile"
	}
	if who.Grants != nil {
		rooms := map[string]string{}
		for pattern, role := range who.Grants {
			rooms[pattern] = role.String()
		}
		c["rooms"] = rooms
	}
	return i.sign(t, c)
}

// verifier returns a verifier that trusts the keys of issuers.
func verifier(t testing.TB, cfg jwt.Config, issuers ...issuer) *jwt.Verifier {
	t.Helper()
	var pems strings.Builder
	for _, i := range issuers {
		pems.Write(i.pem(t))
	}
	keys, err := jwt.ParseKeys([]byte(pems.String()))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Keys = keys
	v, err := jwt.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// outcome verifies a token, and returns the user or the reason of the refusal.
func outcome(t testing.TB, v *jwt.Verifier, token string) string {
	t.Helper()
	who, err := v.Verify(t.Context(), token)
	if err == nil {
		return string(who.User)
	}
	e := chat.AsError(err)
	if e.Kind == chat.Unauthenticated {
		return e.Reason
	}
	return string(e.Kind)
}
