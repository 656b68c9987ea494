package bundle_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/web/bundle"
)

func TestWhatIsCommittedIsBuiltFromItsSource(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(string) ([]byte, error){"client": bundle.Client, "react": bundle.React} {
		want, err := build("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../" + name + "/dist/index.js")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s/dist/index.js is another (%v): run make generate", name, err)
		}
	}
}

func TestTheElementsThatAreCommittedAreBuiltFromTheirSource(t *testing.T) {
	t.Parallel()
	want, err := bundle.Elements("../elements")
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range want {
		if got, err := os.ReadFile("../elements/dist/" + name); err != nil || !bytes.Equal(got, body) {
			t.Errorf("elements/dist/%s is another (%v): run make generate", name, err)
		}
	}
}

// TestTheClientIsSmall holds it to the size that the pages of others are promised.
func TestTheClientIsSmall(t *testing.T) {
	t.Parallel()
	holds(t, "client", 15_000, bundle.Client)
}

// TestThePackageForReactIsSmall holds it, without React and the client, to what hooks may weigh.
func TestThePackageForReactIsSmall(t *testing.T) {
	t.Parallel()
	holds(t, "react", 2_500, bundle.React)
}

// holds builds the package and compares its bytes, gzipped, with a limit.
func holds(t *testing.T, name string, limit int, build func(string) ([]byte, error)) {
	t.Helper()
	built, err := build("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(built); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("@parley-chat/%s: %d bytes, %d gzipped", name, len(built), packed.Len())
	if packed.Len() > limit {
		t.Errorf("it has %d bytes gzipped, which may be %d", packed.Len(), limit)
	}
}

func TestAFaultOfTheSourceIsToldWithItsPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/src", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/src/index.ts", []byte("const a = ;"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Client(dir); err == nil || !strings.Contains(err.Error(), "index.ts:1") {
		t.Errorf("got %v", err)
	}
}

func TestTheServiceIsBuiltWithoutTheBundler(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "../../../cmd/parley").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "esbuild") {
		t.Error("cmd/parley has esbuild in it")
	}
}
