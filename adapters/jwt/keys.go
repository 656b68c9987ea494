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

	"github.com/golang-jwt/jwt/v5"
)

// Key is a public key that tokens may be signed with.
type Key struct{ public crypto.PublicKey }

// ReadKeys reads the public keys and certificates of a PEM file; there must be at least one. RSA
// keys must have 2,048 bits or more.
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

// ParseKeys is ReadKeys for the contents of a file.
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

// strong refuses keys that are too weak or cannot verify tokens.
func strong(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return fmt.Errorf("its RSA key has %d bits; it should have %d or more", k.N.BitLen(), minRSABits)
		}
		if k.N.BitLen() > maxRSABits { // verifying would be too slow
			return fmt.Errorf("its RSA key has %d bits; it should have %d or less", k.N.BitLen(), maxRSABits)
		}
		if k.E < 3 || k.E%2 == 0 || k.N.Bit(0) == 0 {
			return errors.New("its RSA key is invalid: modulus and exponent must be odd")
		}
		return nil
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("keys of type %T cannot verify tokens", key)
}

// fits reports whether a key has the right type for an algorithm, so that no key is used for
// another purpose.
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

// fixedKeys are keys of files. They have no ids: each key that fits the algorithm is tried.
type fixedKeys []Key

func (f fixedKeys) find(_ context.Context, token *jwt.Token) (jwt.VerificationKeySet, error) {
	var set jwt.VerificationKeySet
	for _, k := range f {
		if fits(token.Method, k.public) {
			set.Keys = append(set.Keys, k.public)
		}
	}
	if len(set.Keys) == 0 {
		return set, refused(badAlgorithm, "the token's algorithm fits none of the keys here")
	}
	return set, nil
}
