package webhook_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/webhook"
	"github.com/parley-chat/parley/ports"
)

// verifier verifies what it reads with the library of Standard Webhooks for Node.
const verifier = `
const {createRequire} = require("node:module");
const {Webhook} = createRequire(process.argv[1] + "/")("standardwebhooks");
const {secret, headers, body} = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
try {
  new Webhook(secret).verify(body, headers);
  console.log("good");
} catch (e) {
  console.log("bad: " + e.message);
}
`

func TestAParcelIsVerifiedInNode(t *testing.T) {
	t.Parallel()
	p := parcel("")
	p.Body = []byte(`{"type":"entries","entries":[{"body":"Grüße 👋\n"}]}`)
	p.Secrets = append(p.Secrets, []byte("the one before, of 24 b."))
	headers, body := delivered(t, p)
	for _, test := range []struct{ secret, body, want string }{
		{string(p.Secrets[0]), body, "good"},
		{string(p.Secrets[1]), body, "good"},
		{string(p.Secrets[1]), body + " ", "bad: No matching signature found"},
		{"somebody else's, 24 bytes", body, "bad: No matching signature found"},
	} {
		secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(test.secret))
		if got := runNode(t, verifier, map[string]any{"secret": secret, "headers": headers, "body": test.body}); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// asymmetric verifies what it reads as the specification says, by Node's own ed25519: the library
// for Node knows the scheme v1 only.
const asymmetric = `
const {createPublicKey, verify} = require("node:crypto");
const {key, headers, body} = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const x = Buffer.from(key.slice("whpk_".length), "base64").toString("base64url");
const publicKey = createPublicKey({key: {kty: "OKP", crv: "Ed25519", x}, format: "jwk"});
const content = Buffer.from([headers["webhook-id"], headers["webhook-timestamp"], body].join("."));
const signed = headers["webhook-signature"].split(" ").filter(s => s.startsWith("v1a,")).map(s => Buffer.from(s.slice(4), "base64"));
console.log(signed.some(s => verify(null, content, publicKey, s)) ? "good" : "bad");
`

// runNode has a program of Node read input, and returns what it prints.
func runNode(t *testing.T, program string, input any) string {
	t.Helper()
	tools, err := filepath.Abs("../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(tools, "node", "bin", "node"), "-e", program, filepath.Join(tools, "standardwebhooks"))
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s (run make tools if it is not there)", err, out)
	}
	return strings.TrimSpace(string(out))
}

// delivered delivers a parcel, and returns the headers and the body that came.
func delivered(t *testing.T, p ports.Parcel) (headers map[string]string, body string) {
	t.Helper()
	headers = map[string]string{}
	s := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		for name := range r.Header {
			headers[strings.ToLower(name)] = r.Header.Get(name)
		}
	})
	p.URL = s.URL
	if _, err := courier(t, webhook.Config{}).Deliver(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return headers, body
}

func TestAParcelIsVerifiedByItsPublicKeyInNode(t *testing.T) {
	t.Parallel()
	p := parcel("")
	p.Body = []byte(`{"type":"entries","entries":[{"body":"Grüße 👋\n"}]}`)
	shown := make([]string, 3)
	for i := range shown {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		if shown[i] = "whpk_" + base64.StdEncoding.EncodeToString(public); i < 2 {
			p.Keys = append(p.Keys, private)
		}
	}
	headers, body := delivered(t, p)
	secret := "whsec_" + base64.StdEncoding.EncodeToString(p.Secrets[0])
	for _, test := range []struct{ key, body, want string }{
		{shown[0], body, "good"}, {shown[1], body, "good"}, {shown[1], body + " ", "bad"}, {shown[2], body, "bad"},
	} {
		if got := runNode(t, asymmetric, map[string]any{"key": test.key, "headers": headers, "body": test.body}); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
	if got := runNode(t, verifier, map[string]any{"secret": secret, "headers": headers, "body": body}); got != "good" {
		t.Errorf("the library is not content with the secret beside them: %s", got)
	}
}
