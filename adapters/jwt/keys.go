package jwt

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/parley-chat/parley/core/chat"
)

// Key is a public key that tokens may be signed with.
type Key struct{ public crypto.PublicKey }

// ReadKeys reads the public keys and certificates of a PEM file; there must be one at least. RSA keys have 2,048 bits or more.
func ReadKeys(path string) ([]Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := ParseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// ParseKeys is ReadKeys of what the file holds.
func ParseKeys(data []byte) (keys []Key, err error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		public, err := parsePublic(block)
		if err != nil {
			return nil, err
		}
		if err := strong(public); err != nil {
			return nil, err
		}
		keys = append(keys, Key{public})
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no public key in PEM in it")
	}
	return keys, nil
}

func parsePublic(block *pem.Block) (crypto.PublicKey, error) {
	switch {
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("it holds a private key: give the service the public one only")
	}
	return nil, fmt.Errorf("it holds a %s, which is no public key", block.Type)
}

// strong refuses keys that are too weak or of no use.
func strong(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return fmt.Errorf("its RSA key has %d bits; it should have %d or more", k.N.BitLen(), minRSABits)
		}
		return nil
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("keys of type %T cannot verify tokens", key)
}

// fits reports whether a key is of the sort that an algorithm takes: so that no key is used for what it was not made for.
func fits(method jwt.SigningMethod, key any) bool {
	switch m := method.(type) {
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		k, ok := key.(*rsa.PublicKey)
		return ok && k.N.BitLen() >= minRSABits
	case *jwt.SigningMethodECDSA:
		k, ok := key.(*ecdsa.PublicKey)
		return ok && k.Curve.Params().BitSize == m.CurveBits
	case *jwt.SigningMethodEd25519:
		_, ok := key.(ed25519.PublicKey)
		return ok
	}
	return false
}

// fixedKeys are keys of files. They have no names: each that fits the algorithm is tried.
type fixedKeys []Key

func (f fixedKeys) find(_ context.Context, token *jwt.Token) (any, error) {
	var set jwt.VerificationKeySet
	for _, k := range f {
		if fits(token.Method, k.public) {
			set.Keys = append(set.Keys, k.public)
		}
	}
	if len(set.Keys) == 0 {
		return nil, refused("the token's algorithm fits none of the keys here")
	}
	return set, nil
}

// keySet is a key set that is published by URL. It is cached, read anew at times, and when a token names a key that is not in it, as
// often as a limit allows.
type keySet struct {
	keys    keyfunc.Keyfunc
	timeout time.Duration
}

func newKeySet(ctx context.Context, cfg Config) (*keySet, error) {
	refresh, timeout := cfg.Refresh, cfg.HTTPTimeout
	if refresh <= 0 {
		refresh = 15 * time.Minute
	}
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	s := &keySet{timeout: timeout}
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{cfg.JWKSURL}, keyfunc.Override{
		HTTPTimeout: timeout, RefreshInterval: refresh,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(10*time.Second), 1), RateLimitWaitMax: time.Millisecond,
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(_ context.Context, err error) {
				if cfg.OnFault != nil {
					cfg.OnFault(fmt.Errorf("read the key set: %w", err))
				}
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	s.keys = keys
	return s, nil
}

func (s *keySet) find(ctx context.Context, token *jwt.Token) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if _, ok := token.Header["kid"]; !ok {
		return s.findUnnamed(ctx, token)
	}
	key, err := s.keys.KeyfuncCtx(ctx)(token)
	if err != nil {
		if s.empty(ctx) {
			return nil, chat.Wrap(chat.Unavailable, err, "look for a token's key")
		}
		return nil, &chat.Error{Kind: chat.Unauthenticated, Reason: "the token is signed by a key that is not known here", Cause: err}
	}
	if !fits(token.Method, key) {
		return nil, refused("the token's algorithm does not fit its key")
	}
	return key, nil
}

// findUnnamed serves tokens that name no key: each of the set that fits is tried.
func (s *keySet) findUnnamed(ctx context.Context, token *jwt.Token) (any, error) {
	if s.empty(ctx) {
		return nil, chat.Errorf(chat.Unavailable, "the keys that tokens are signed with cannot be reached; try again")
	}
	all, err := s.keys.Storage().KeyReadAll(ctx)
	if err != nil {
		return nil, chat.Wrap(chat.Unavailable, err, "read the key set")
	}
	var set jwt.VerificationKeySet
	for _, k := range all {
		if key := k.Key(); fits(token.Method, key) {
			set.Keys = append(set.Keys, key)
		}
	}
	if len(set.Keys) == 0 {
		return nil, refused("the token is signed by a key that is not known here")
	}
	return set, nil
}

// empty reports whether the set could never be read.
func (s *keySet) empty(ctx context.Context) bool {
	all, err := s.keys.Storage().KeyReadAll(ctx)
	return err != nil || len(all) == 0
}
