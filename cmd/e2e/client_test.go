package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/adapters/web/bundle"
)

// TestTheClientWithTheService runs those tests of @parley-chat/client that need the service: they
// start the binary, kill it, and put a proxy before it that fails.
func TestTheClientWithTheService(t *testing.T) {
	t.Parallel()
	clientTests(t, node22(t), "--disable-warning=ExperimentalWarning", "--test", "--test-reporter=spec", "tests/service/*.test.ts")
}

// TestTheClientWithTheServiceInNode20 runs some of them in the oldest Node that the client says it
// works in, with the WebSocket of ws.
func TestTheClientWithTheServiceInNode20(t *testing.T) {
	t.Parallel()
	node, err := filepath.Abs("../../.tools/node20/bin/node")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--test", "--test-reporter=spec"}
	out, service := t.TempDir(), clientDir+"/tests/service/"
	if err := bundle.Node([]string{service + "node20.test.ts", service + "faults.test.ts", service + "rooms.test.ts"}, out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node20", "faults", "rooms"} {
		args = append(args, filepath.Join(out, name+".test.mjs"))
	}
	clientTests(t, node, args...)
}

const clientDir = "../../adapters/web/client"

func clientTests(t *testing.T, node string, args ...string) {
	t.Helper()
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
	cmd := exec.Command(node, args...)
	cmd.Dir = clientDir
	cmd.Env = append(environ(), "PARLEY="+path, "WS="+ws)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v; run make tools\n%s", err, out)
	}
}
