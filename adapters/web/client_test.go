package web_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTheClient runs the tests of @parley-chat/client that need no service. Those that do are in
// cmd/e2e.
func TestTheClient(t *testing.T) {
	t.Parallel()
	node, err := filepath.Abs("../../.tools/node/bin/node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(node); err != nil {
		t.Fatalf("%v; run make tools", err)
	}
	cmd := exec.Command(node, "--disable-warning=ExperimentalWarning", "--test", "--test-reporter=spec", "tests/*.test.ts")
	cmd.Dir = "client"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
