package webhook

import (
	"encoding/base64"
	"testing"
	"time"
)

// TestPublishedVectors are what Standard Webhooks publishes with its libraries.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	const id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := signatures([][]byte{secret}, id, time.Unix(1614265330, 0), []byte(body)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := signatures([][]byte{secret, secret}, id, time.Unix(1614265330, 0), []byte(body)); got != want+" "+want {
		t.Errorf("with two: got %s", got)
	}
}
