package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTheClientWithTheService runs those tests of @parley-chat/client that need the service: they
// start the binary, kill it, and put a proxy before it that fails.
func TestTheClientWithTheService(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ws, err := filepath.Abs("../../.tools/ws/node_modules/ws/wrapper.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ws); err != nil {
		t.Fatalf("%v; run make tools", err)
	}
	cmd := exec.Command(node22(t), "--disable-warning=ExperimentalWarning", "--test", "--test-reporter=spec", "tests/service/*.test.ts")
	cmd.Dir = "../../adapters/web/client"
	cmd.Env = append(environ(), "PARLEY="+path, "WS="+ws)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
