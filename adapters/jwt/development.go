package jwt

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// DevKeyFile is the name of the file with the key pair in a data folder, as PKCS #8 in PEM.
const DevKeyFile = "development-key.pem"

// PageKeyFile is the name of the file with the secret of the service's own page in a data folder.
const PageKeyFile = "development-page.key"

// DevKeys is the key pair of development mode. Anybody who can read its file can make tokens of any
// user.
type DevKeys struct{ private *rsa.PrivateKey }

// Grant is the contents of a development token.
type Grant struct {
	Subject string
	Name    string            // may be empty
	Rooms   map[string]string // nil: the token has no claim of rooms
	Scope   string            // words, separated by spaces
	TTL     time.Duration
}

// LoadDevKeys reads the key pair of a data folder. It fails with fs.ErrNotExist if there is none
// yet.
func LoadDevKeys(dir string) (*DevKeys, error) {
	data, err := os.ReadFile(filepath.Join(dir, DevKeyFile))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file: delete it, and another is made", DevKeyFile)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: delete it, and another is made", DevKeyFile, err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no RSA key: delete it, and another is made", DevKeyFile)
	}
	return &DevKeys{private}, nil
}

// LoadOrMakeDevKeys is like LoadDevKeys, but makes the folder and the keys if there are none. If
// several processes do so at once, all get the same keys.
func LoadOrMakeDevKeys(dir string) (*DevKeys, error) {
	keys, err := LoadDevKeys(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	private, err := rsa.GenerateKey(rand.Reader, minRSABits)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	if err := writeOnce(filepath.Join(dir, DevKeyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return nil, err
	}
	return LoadDevKeys(dir)
}

// LoadOrMakePageKey reads the secret with which the service's page gets tokens from a data folder.
// It makes the folder and the secret if there are none. The secret stays the same over restarts.
func LoadOrMakePageKey(dir string) (string, error) {
	path := filepath.Join(dir, PageKeyFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		if err := writeOnce(path, []byte(rand.Text()+"\n")); err != nil {
			return "", err
		}
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(data))
	if len(key) < len(rand.Text()) || url.QueryEscape(key) != key {
		return "", fmt.Errorf("%s holds no key: delete it, and another is made", PageKeyFile)
	}
	return key, nil
}

// writeOnce writes a file for its owner only, atomically, unless it exists already.
func writeOnce(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Public returns the key that verifies what Sign signs.
func (d *DevKeys) Public() Key { return Key{&d.private.PublicKey} }

// Sign makes a token.
func (d *DevKeys) Sign(g Grant) (string, error) {
	now := time.Now()
	c := jwt.MapClaims{"sub": g.Subject, "iat": now.Unix(), "exp": now.Add(g.TTL).Unix()}
	if g.Name != "" {
		c["name"] = g.Name
	}
	if g.Rooms != nil {
		c["rooms"] = g.Rooms
	}
	if g.Scope != "" {
		c["scope"] = g.Scope
	}
	return jwt.NewWithClaims(jwt.SigningMethodRS256, c).SignedString(d.private)
}
