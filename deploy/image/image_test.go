// Package image_test executes the steps of the Dockerfile without an engine, and runs the result
// like a container.
package image_test

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/deploy/deploytest"
)

const version, revision = "v1.2.3-test", "0123456789abcdef"

func build(t *testing.T) deploytest.Image {
	t.Helper()
	return deploytest.Build(t, "VERSION="+version, "REVISION="+revision)
}

// TestTheImage builds the image once for all its tests.
func TestTheImage(t *testing.T) {
	t.Parallel()
	image := build(t)
	for name, test := range map[string]func(*testing.T, deploytest.Image){
		"holds one static program and what that needs":           holdsOneProgram,
		"is the same when it is built elsewhere":                 isReproducible,
		"says what it is":                                        saysWhatItIs,
		"sets only what is a setting":                            setsSettings,
		"does not start where others reach it without keys":      refusesToStart,
		"serves, as nobody, with nothing to write to but /data":  serves,
		"makes keys and tokens in its volume when it is told to": tokens,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, image)
		})
	}
}

func holdsOneProgram(t *testing.T, image deploytest.Image) {
	want := []string{
		"/", "/LICENSE", "/THIRD_PARTY_LICENSES", "/data", "/etc", "/etc/ssl", "/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt", "/parley",
	}
	var got []string
	err := fs.WalkDir(os.DirFS(image.Root), ".", func(name string, _ fs.DirEntry, err error) error {
		got = append(got, path.Join("/", name))
		return err
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the image holds %q, want %q: %v", got, want, err)
	}
	if runtime.GOOS != "linux" {
		return // elsewhere the program is built for another system, and linked differently
	}
	f, err := elf.NewFile(bytes.NewReader(program(t, image)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program needs a loader, and the image has none")
		}
	}
	if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 {
		t.Errorf("the program needs libraries: %q, %v", libs, err)
	}
}

func isReproducible(t *testing.T, image deploytest.Image) {
	first := program(t, image)
	for _, dir := range []string{deploytest.Root(t), filepath.Dir(image.Root)} {
		if bytes.Contains(first, []byte(dir)) {
			t.Errorf("the program tells that it was built in %s", dir)
		}
	}
	if !bytes.Equal(first, program(t, build(t))) {
		t.Error("built in another folder, the program differs")
	}
}

func program(t *testing.T, image deploytest.Image) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(image.Root, "parley"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func saysWhatItIs(t *testing.T, image deploytest.Image) {
	code, out := image.Container(t, deploytest.Change{}).Run("version")
	if code != 0 || !strings.Contains(out, version) || !strings.Contains(out, revision) {
		t.Errorf("parley version: got %d %q, want %s of %s", code, out, version, revision)
	}
	if terms, err := os.ReadFile(filepath.Join(image.Root, "THIRD_PARTY_LICENSES")); err != nil || !bytes.Contains(terms, []byte("gofiber/fiber")) {
		t.Errorf("the terms of what is linked in are not there: %v", err)
	}
	for label, want := range map[string]string{
		"org.opencontainers.image.version": version, "org.opencontainers.image.revision": revision,
		"org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.source": "https://github.com/parley-chat/parley",
	} {
		if got := image.Labels[label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
	if image.StopSignal != "SIGTERM" {
		t.Errorf("the stop signal is %q; the service drains on SIGTERM", image.StopSignal)
	}
}

func setsSettings(t *testing.T, image deploytest.Image) {
	var cfg server.Config
	var environ []string
	for name, value := range image.Env {
		if !strings.HasPrefix(name, "PARLEY_") {
			t.Errorf("%s is no setting of the service", name)
		}
		environ = append(environ, name+"="+value)
	}
	if err := server.NewSettings("serve", &cfg).LoadPart(nil, environ); err != nil {
		t.Error(err)
	}
	if image.Volume != cfg.DataDir || image.Workdir != cfg.DataDir {
		t.Errorf("the service writes to %s; the volume is %s and the working folder %s", cfg.DataDir, image.Volume, image.Workdir)
	}
	// The admin address must be on a private network, which only the operator knows.
	if cfg.AdminAddr != "" && !strings.HasPrefix(cfg.AdminAddr, "127.0.0.1:") {
		t.Errorf("the admin address is %s, which others can reach", cfg.AdminAddr)
	}
}

func refusesToStart(t *testing.T, image deploytest.Image) {
	code, out := image.Container(t, deploytest.Change{}).Run(image.Command...)
	if code == 0 {
		t.Fatalf("it ended with 0:\n%s", out)
	}
	for _, want := range []string{"PARLEY_JWT_PUBLIC_KEY_FILE", "PARLEY_JWT_JWKS_URL", "PARLEY_DEVELOPMENT=true"} {
		if !strings.Contains(out, want) {
			t.Errorf("what it says does not name %s:\n%s", want, out)
		}
	}
}

// addresses returns free addresses of this machine, because a container has no network of its own
// here.
func addresses(t *testing.T) (url string, env map[string]string) {
	t.Helper()
	http := freeaddr.Must(t)
	return "http://" + http, map[string]string{"PARLEY_HTTP_ADDR": http, "PARLEY_ADMIN_ADDR": freeaddr.Must(t)}
}

func serves(t *testing.T, image deploytest.Image) {
	url, env := addresses(t)
	env["PARLEY_JWT_PUBLIC_KEY_FILE"] = "/run/secrets/jwt.pem"
	c := image.Container(t, deploytest.Change{Env: env, Files: map[string][]byte{"/run/secrets/jwt.pem": deploytest.PublicKey(t)}})
	check := image.Healthcheck
	if code, out := c.Exec(check...); code == 0 {
		t.Errorf("before the start, the health check says: %s", out)
	}
	p := c.Start(`"the service runs"`) // in JSON
	if code, out := c.Exec(check...); code != 0 {
		t.Errorf("the health check ends with %d: %s", code, out)
	}
	if status := deploytest.Get(t, url+"/v1/rooms", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: got %d, want 401", status)
	}
	if status := deploytest.Get(t, url+"/", ""); status != http.StatusOK {
		t.Errorf("the page: got %d, want 200", status)
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("it stops with code %d, want 0", code)
	}
}

func tokens(t *testing.T, image deploytest.Image) {
	url, env := addresses(t)
	env["PARLEY_DEVELOPMENT"] = "true"
	c := image.Container(t, deploytest.Change{Env: env})
	c.Start("DEVELOPMENT MODE")
	code, token := c.Run("token", "--sub", "alice")
	if code != 0 {
		t.Fatalf("parley token: %d %s", code, token)
	}
	if status := deploytest.Get(t, url+"/v1/rooms", strings.TrimSpace(token)); status != http.StatusOK {
		t.Errorf("with its token: got %d, want 200", status)
	}
}

// TestTheBuildIsPinned checks that the base image is one exact release of Go, which satisfies
// go.mod.
func TestTheBuildIsPinned(t *testing.T) {
	t.Parallel()
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(deploytest.Read(t, "go.mod"))
	bases := regexp.MustCompile(`(?m)^FROM .*`).FindAll(deploytest.Read(t, "deploy/image/Dockerfile"), -1)
	exact := regexp.MustCompile(`/golang:(\d+\.\d+)\.\d+-alpine AS build$`).FindSubmatch(bases[0])
	if len(bases) != 2 || exact == nil || !bytes.Equal(exact[1], wanted[1]) || string(bases[1]) != "FROM scratch" {
		t.Errorf("the stages are %q, want one on an exact release of Go %s and one from scratch", bases, wanted[1])
	}
}

func TestOnlyWhatIsNamedGoesIntoTheBuild(t *testing.T) {
	t.Parallel()
	ignore := string(deploytest.Read(t, ".dockerignore"))
	if !regexp.MustCompile(`\A(#.*\n)*\*\n`).MatchString(ignore) {
		t.Error(".dockerignore does not leave out everything first: secrets and local data could get into a layer")
	}
	for line := range strings.SplitSeq(ignore, "\n") {
		if name, ok := strings.CutPrefix(line, "!"); ok {
			if _, err := os.Stat(filepath.Join(deploytest.Root(t), name)); err != nil {
				t.Errorf(".dockerignore wants %s, which is not there", name)
			}
		}
	}
}
