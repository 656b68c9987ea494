package pgtest

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// verifierOf returns a password in the form in which PostgreSQL keeps it (RFC 5803), and takes it
// too. It is hashed once and not 4,096 times, as each client repeats that for each connection,
// which is slow under the race detector. A password of 128 random bits needs no more.
func verifierOf(password string) (string, error) {
	const rounds = 1
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash PostgreSQL's password: %w", err)
	}
	key := func(whose string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(whose))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(key("Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, text(salt), text(stored[:]), text(key("Server Key"))), nil
}
