package jwt_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
)

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	key := rsaKeys[0]()
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "id.example"}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	public := string(issuer{key: key}.pem(t))
	for name, test := range map[string]struct {
		file string
		keys int
		err  string
	}{
		"a public key":             {public, 1, ""},
		"a PKCS #1 key":            {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)), 1, ""},
		"a certificate":            {block("CERTIFICATE", certificate), 1, ""},
		"two keys and some words":  {"first:\n" + public + "second:\n" + string(newIssuer(t, "EdDSA").pem(t)), 2, ""},
		"a private key":            {public + block("PRIVATE KEY", private), 0, "it holds a private key: give the service the public one only"},
		"a private RSA key":        {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), 0, "it holds a private key"},
		"something else":           {block("CERTIFICATE REQUEST", []byte("x")), 0, "it holds a CERTIFICATE REQUEST, which is no public key"},
		"an RSA key of 1,024 bits": {weak(t), 0, "its RSA key has 1024 bits; it should have 2048 or more"},
		"an X25519 key":            {x25519(t), 0, "cannot verify tokens"},
		"a key cut short":          {block("PUBLIC KEY", []byte{0x30, 0x82}), 0, "asn1"},
		"a certificate cut short":  {block("CERTIFICATE", certificate[:40]), 0, "x509"},
		"no PEM":                   {"ssh-rsa AAAA", 0, "there is no public key in PEM in it"},
		"nothing":                  {"", 0, "there is no public key in PEM in it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "keys.pem")
			if err := os.WriteFile(path, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			keys, err := jwt.ReadKeys(path)
			if len(keys) != test.keys {
				t.Errorf("got %d keys, want %d", len(keys), test.keys)
			}
			if (err == nil) != (test.err == "") || err != nil && (!strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), path)) {
				t.Errorf("got %v, want %q and the path", err, test.err)
			}
		})
	}
	if _, err := jwt.ReadKeys(filepath.Join(t.TempDir(), "absent.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v for a file that is not there", err)
	}
}

func weak(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return string(issuer{key: key}.pem(t))
}

// x25519 returns a key that cannot sign.
func x25519(t *testing.T) string {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestDevelopmentKeysAreMadeOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "data")
	if _, err := jwt.LoadDevKeys(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v before there are any, want fs.ErrNotExist", err)
	}
	var all [4]*jwt.DevKeys
	var wg sync.WaitGroup
	for n := range all {
		wg.Go(func() {
			keys, err := jwt.LoadOrMakeDevKeys(dir)
			if err != nil {
				t.Error(err)
			}
			all[n] = keys
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	token, err := all[0].Sign(jwt.Grant{Subject: "alice", TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for n, keys := range all {
		v, err := jwt.New(t.Context(), jwt.Config{Keys: []jwt.Key{keys.Public()}})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, v, token); got != "alice" {
			t.Errorf("the keys that %d got are others: %s", n, got)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v, %v, want the key's file only", files, err)
	}
	info, err := files[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
	}
}

func TestDevelopmentTokensSayWhatWasGranted(t *testing.T) {
	t.Parallel()
	keys, err := jwt.LoadOrMakeDevKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v, err := jwt.New(t.Context(), jwt.Config{Keys: []jwt.Key{keys.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(time.Hour).Truncate(time.Second)
	token, err := keys.Sign(jwt.Grant{
		Subject: "bob", Name: "Bob", Rooms: map[string]string{"ops-*": "moderate"}, Scope: "chat:admin", TTL: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	who, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if who.User != "bob" || who.Name != "Bob" || !who.Admin || who.Grants.For("ops-1").String() != "moderate" || who.Expires.Before(before) {
		t.Errorf("got %+v", who)
	}
	token, err = keys.Sign(jwt.Grant{Subject: "carol", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if who, err = v.Verify(t.Context(), token); err != nil || who.Grants != nil || who.Admin || who.Name != "" {
		t.Errorf("got %+v, %v, want carol and no more", who, err)
	}
}

func TestDevelopmentKeysThatAreBroken(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"no PEM":     "hello",
		"no PKCS #8": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"no RSA key": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "development-key.pem"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := jwt.LoadOrMakeDevKeys(dir); err == nil || !strings.Contains(err.Error(), "delete it, and another is made") {
			t.Errorf("%s: got %v, want advice", name, err)
		}
	}
}
