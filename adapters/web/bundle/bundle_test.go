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
	for _, one := range []struct {
		dir, built string
		build      func(string) ([]byte, error)
	}{
		{"../client", "../client/dist/index.js", bundle.Client},
		{"../react", "../react/dist/index.js", bundle.React},
		{"../page", "../static/page.js", bundle.Page},
	} {
		want, err := one.build(one.dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(one.built)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is another (%v): run make generate", one.built, err)
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

// TestThePackagesAreSmall holds them to the sizes that the pages of others are promised. That of
// React is without React and the client.
func TestThePackagesAreSmall(t *testing.T) {
	t.Parallel()
	client, err := bundle.Client("../client")
	if err != nil {
		t.Fatal(err)
	}
	react, err := bundle.React("../react")
	if err != nil {
		t.Fatal(err)
	}
	elements, err := bundle.Elements("../elements")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		what  string
		body  []byte
		limit int // bytes
	}{
		{"@parley-chat/client", client, 15_000},
		{"@parley-chat/react", react, 2_500},
		{"@parley-chat/elements with the client", elements["embed.js"], 45_000},
		{"what the elements load after the first view", elements["embed-more.js"], 16_000},
	} {
		packed := gzipped(t, one.body)
		t.Logf("%s: %d bytes, %d gzipped", one.what, len(one.body), packed)
		if packed > one.limit {
			t.Errorf("%s has %d bytes gzipped, which may be %d", one.what, packed, one.limit)
		}
	}
}

func gzipped(t *testing.T, body []byte) int {
	t.Helper()
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Len()
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
