package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/webhook"
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
	tools, err := filepath.Abs("../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	headers, body := map[string]string{}, ""
	s := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		for name := range r.Header {
			headers[strings.ToLower(name)] = r.Header.Get(name)
		}
	})
	p := parcel(s.URL)
	p.Body = []byte(`{"type":"entries","entries":[{"body":"Grüße 👋\n"}]}`)
	p.Secrets = append(p.Secrets, []byte("the one before, of 24 b."))
	if _, err := courier(t, webhook.Config{}).Deliver(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ secret, body, want string }{
		{string(p.Secrets[0]), body, "good"},
		{string(p.Secrets[1]), body, "good"},
		{string(p.Secrets[1]), body + " ", "bad: No matching signature found"},
		{"somebody else's, 24 bytes", body, "bad: No matching signature found"},
	} {
		input, err := json.Marshal(map[string]any{
			"secret": "whsec_" + base64.StdEncoding.EncodeToString([]byte(test.secret)), "headers": headers, "body": test.body,
		})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(filepath.Join(tools, "node", "bin", "node"), "-e", verifier, filepath.Join(tools, "standardwebhooks"))
		cmd.Stdin = strings.NewReader(string(input))
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
			t.Errorf("got %q, %v; want %q (run make tools if it is not there)", got, err, test.want)
		}
	}
}
