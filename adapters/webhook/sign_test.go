package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"testing"
	"time"

	"github.com/parley-chat/parley/ports"
)

// TestPublishedVectors are what Standard Webhooks publishes.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	const id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	p := ports.Parcel{ID: id, Body: []byte(body), Secrets: [][]byte{secret}}
	if got := signatures(p, time.Unix(1614265330, 0)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p.Secrets = append(p.Secrets, secret)
	if got := signatures(p, time.Unix(1614265330, 0)); got != want+" "+want {
		t.Errorf("with two: got %s", got)
	}

	// Of v1a the specification shows this signature, and the tests of Svix's server have its key,
	// id, time and body.
	key, err := base64.StdEncoding.DecodeString("6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
	if err != nil {
		t.Fatal(err)
	}
	const asymmetric = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
	p.Keys = []ed25519.PrivateKey{ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])}
	if got := signatures(p, time.Unix(1614265330, 0)); got != want+" "+want+" "+asymmetric {
		t.Errorf("with a key: got %s", got)
	}
	if public := base64.StdEncoding.EncodeToString(p.Keys[0].Public().(ed25519.PublicKey)); public != "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=" {
		t.Errorf("the public key is %s", public)
	}
}
