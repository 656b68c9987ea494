package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxBinary is in bytes, of a release for Linux on amd64. Before search, streams without a socket
// and compressed frames the binary had 27.6 MB; they are 0.6 MB, the elements 0.2, several
// PostgreSQL servers with filters for search 0.2, and engines that distribute tables 0.1.
const maxBinary = 28_900_000

// If a package calls methods by computed names, as html/template does, the linker keeps every
// exported method of the program: about 10 MB.
func TestGuardTheBinaryIsSmall(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "parley")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, "../parley")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if file.Size() > maxBinary {
		t.Errorf("the binary is %d bytes, want at most %d; go tool nm -size -sort size says what of", file.Size(), maxBinary)
	}
	t.Logf("%d bytes", file.Size())
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "../parley")
	list.Env = append(os.Environ(), "GOFLAGS=")
	packages, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, heavy := range []string{"html/template", "google.golang.org/grpc"} {
		if strings.Contains(string(packages), "\n"+heavy+"\n") {
			t.Errorf("%s is linked in again: go list -deps -f '{{.ImportPath}}: {{.Imports}}' ./cmd/parley says by what", heavy)
		}
	}
}
