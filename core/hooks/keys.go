package hooks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// KeyBytes is the length of a key that encrypts secrets.
const KeyBytes = 32

// Keys encrypts the secrets of hooks. The first key encrypts, and any of them may decrypt. So a key
// is replaced by putting a new one before it.
type Keys struct{ all []key }

type key struct {
	id   [4]byte
	aead cipher.AEAD
}

// NewKeys returns a Keys with at least one key. Each key must have KeyBytes.
func NewKeys(keys ...[]byte) (*Keys, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no key")
	}
	k := &Keys{}
	for _, one := range keys {
		if len(one) != KeyBytes {
			return nil, errors.New("a key must have 32 bytes")
		}
		block, err := aes.NewCipher(one)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("parley hook key "), one...))
		k.all = append(k.all, key{[4]byte(sum[:4]), aead})
	}
	return k, nil
}

// secret is one secret that signs parcels.
type secret struct {
	bytes []byte
	until time.Time // not used from then on; zero: it is the present one
}

const (
	secretBytes = 24             // of secrets that are made here; Standard Webhooks allows 24–64
	secretsKept = 3              // max secrets of a hook
	handOver    = 24 * time.Hour // how long the previous secret is used beside the present one
	sealVersion = 1
)

const secretPrefix = "whsec_"

// newSecret returns a new secret, and its text as it is shown.
func newSecret() (secret, string) {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // it never fails
	return secret{bytes: b}, secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// is reports whether a text is that of the secret. It takes the same time for all texts of one
// length.
func (s secret) is(text string) bool {
	shown, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, secretPrefix))
	return err == nil && subtle.ConstantTimeCompare(shown, s.bytes) == 1
}

// rotated puts a new secret before the others. The previous one stays in use for handOver.
func rotated(secrets []secret, fresh secret, now time.Time) []secret {
	all := []secret{fresh}
	for _, s := range secrets {
		if s.until.IsZero() {
			s.until = now.Add(handOver)
		}
		if s.until.After(now) && len(all) < secretsKept {
			all = append(all, s)
		}
	}
	return all
}

// good returns the secrets that are in use now.
func good(secrets []secret, now time.Time) (all [][]byte) {
	for _, s := range secrets {
		if s.until.IsZero() || s.until.After(now) {
			all = append(all, s.bytes)
		}
	}
	return all
}

// Encrypted data is bound to what it is: the secrets of one hook, or the seeds of its private keys.
// It cannot be used for another hook.
func ofSecrets(id chat.HookID) []byte { return []byte(id) }
func ofPairs(id chat.HookID) []byte   { return []byte(string(id) + "/ed25519") }

// newPair returns the seed of a new private key (RFC 8032). It is stored like a secret.
func newPair() secret {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // it never fails
	return secret{bytes: seed}
}

const publicPrefix = "whpk_"

// privateKeys returns the private keys that are in use now.
func privateKeys(pairs []secret, now time.Time) (keys []ed25519.PrivateKey) {
	for _, seed := range good(pairs, now) {
		keys = append(keys, ed25519.NewKeyFromSeed(seed))
	}
	return keys
}

// publicKeys returns the public keys of private ones, as they are shown.
func publicKeys(keys []ed25519.PrivateKey) (shown []string) {
	for _, key := range keys {
		shown = append(shown, publicPrefix+base64.StdEncoding.EncodeToString(key[ed25519.SeedSize:]))
	}
	return shown
}

// openPairs returns the seeds of a hook's private keys, if it has any.
func (k *Keys) openPairs(id chat.HookID, sealed []byte) ([]secret, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	pairs, err := k.open(ofPairs(id), sealed)
	for _, pair := range pairs {
		if len(pair.bytes) != ed25519.SeedSize {
			return nil, errSealed
		}
	}
	return pairs, err
}

// seal encrypts secrets.
func (k *Keys) seal(of []byte, secrets []secret) []byte {
	var plain []byte
	for _, s := range secrets {
		until := int64(0)
		if !s.until.IsZero() {
			until = s.until.UnixMicro()
		}
		plain = binary.BigEndian.AppendUint64(plain, uint64(until))
		plain = append(append(plain, byte(len(s.bytes))), s.bytes...)
	}
	first := k.all[0]
	sealed := append([]byte{sealVersion}, first.id[:]...)
	nonce := make([]byte, first.aead.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	return first.aead.Seal(append(sealed, nonce...), nonce, plain, of)
}

var errSealed = errors.New("the hook's secrets cannot be read: they were encrypted with another key than PARLEY_HOOKS_KEY has; " +
	"its operator adds that key to it, or whoever may change the hook has its secret rotated")

// open decrypts what seal has encrypted.
func (k *Keys) open(of, sealed []byte) ([]secret, error) {
	const head = 1 + len(key{}.id)
	if k == nil || len(sealed) < head || sealed[0] != sealVersion {
		return nil, errSealed
	}
	for _, one := range k.all {
		if n := head + one.aead.NonceSize(); [4]byte(sealed[1:head]) == one.id && len(sealed) >= n {
			if plain, err := one.aead.Open(nil, sealed[head:n], sealed[n:], of); err == nil {
				return parseSecrets(plain)
			}
		}
	}
	return nil, errSealed
}

func parseSecrets(plain []byte) (secrets []secret, err error) {
	for len(plain) > 0 {
		if len(plain) < 9 || len(plain) < 9+int(plain[8]) {
			return nil, errSealed
		}
		var s secret
		if until := int64(binary.BigEndian.Uint64(plain)); until != 0 {
			s.until = time.UnixMicro(until).UTC()
		}
		s.bytes, plain = plain[9:9+int(plain[8])], plain[9+int(plain[8]):]
		secrets = append(secrets, s)
	}
	return secrets, nil
}
