package deploytest

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Build executes the steps of deploy/image/Dockerfile, with Go and the module cache of this machine
// instead of those of the base image. args are build arguments: NAME=value.
func Build(t testing.TB, args ...string) Image {
	t.Helper()
	image := Describe(t, args...)
	b := builder{t: t, stages: map[string]string{}, args: append(args, "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH)}
	// One process of a user builds at a time: concurrent builds would compile the same packages,
	// without using the cache.
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("parley-build-%d.lock", os.Getuid())), os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	defer lock.Close() // this releases the lock
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	for _, s := range steps(t) {
		b.take(s)
	}
	image.Root = b.root
	return image
}

// builder executes the steps that make files.
type builder struct {
	t      testing.TB
	args   []string
	stages map[string]string // the roots of named stages, by name

	root, workdir string // of the stage
	vars          variables
}

func (b *builder) take(s step) {
	b.t.Helper()
	switch s.name {
	case "FROM":
		b.root, b.workdir, b.vars = b.t.TempDir(), "/", variables{}
		if _, name, ok := strings.Cut(s.text, " AS "); ok {
			b.stages[name] = b.root
			// A file of the base image, which this machine may lack.
			writeFile(b.t, b.at("/etc/ssl/certs/ca-certificates.crt"), []byte("certificates, for a test\n"))
		}
	case "ARG":
		b.vars.declare(s.text, b.args)
	case "WORKDIR":
		b.workdir = s.text
		must(b.t, os.MkdirAll(b.at("."), 0o755))
	case "COPY":
		b.copy(s.text)
	case "RUN":
		b.run(s.text)
	}
}

// at returns the path on this machine of a path in the stage.
func (b *builder) at(name string) string {
	if !path.IsAbs(name) {
		name = path.Join(b.workdir, name)
	}
	return filepath.Join(b.root, name)
}

var (
	mounts = regexp.MustCompile(`^(--mount=\S+ +)*`)
	copied = regexp.MustCompile(`^--from=(\S+) (?:--chown=(\d+:\d+) )?(\S+) (\S+)$`)
)

// run executes a step like the engine's shell, but with this machine's shell: a step outside of the
// working folder would change the machine.
func (b *builder) run(script string) {
	b.t.Helper()
	cmd := exec.Command("sh", "-c", mounts.ReplaceAllString(script, ""))
	cmd.Dir = b.at(".")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOFLAGS=") })
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0") // the base image has no C compiler
	for name, value := range b.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("RUN %s: %v\n%s", script, err, out)
	}
}

// copy executes a step that copies the whole context, or a path of an earlier stage to a new path:
// into an existing folder engines copy differently.
func (b *builder) copy(text string) {
	b.t.Helper()
	if text == ". ." {
		b.context()
		return
	}
	found := copied.FindStringSubmatch(text)
	if len(found) == 0 || b.stages[found[1]] == "" {
		b.t.Fatalf("COPY %s: want one path of a stage that is there, and an owner by numbers", text)
	}
	to := b.at(found[4])
	if _, err := os.Lstat(to); err == nil {
		b.t.Fatalf("COPY %s: the target exists", text)
	}
	must(b.t, os.MkdirAll(filepath.Dir(to), 0o755))
	sh(b.t, "cp", "-Rp", filepath.Join(b.stages[found[1]], found[3]), to)
	if owner := found[2]; owner != "" && os.Geteuid() == 0 { // without root there is only one user
		sh(b.t, "chown", "-R", owner, to)
	}
}

// context copies the files of the repository that .dockerignore leaves to an engine. It follows the
// lines in their order: * excludes everything, !name includes a file or folder of the root, and a
// path or **/pattern excludes some of it. Any other line fails the test.
func (b *builder) context() {
	b.t.Helper()
	for line := range strings.Lines(comment.ReplaceAllString(string(Read(b.t, ".dockerignore")), "")) {
		line = strings.TrimSpace(line)
		wanted, in := strings.CutPrefix(line, "!")
		pattern, anywhere := strings.CutPrefix(line, "**/")
		switch {
		case line == "" || line == "*":
		case in && !strings.Contains(wanted, "/"):
			sh(b.t, "cp", "-R", filepath.Join(Root(b.t), wanted), b.at("."))
		case anywhere && !strings.Contains(pattern, "/"):
			sh(b.t, "find", b.at("."), "-name", pattern, "-prune", "-exec", "rm", "-r", "{}", "+")
		default:
			sh(b.t, "rm", "-r", b.at(line))
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sh(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func writeFile(t testing.TB, name string, content []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(t, os.WriteFile(name, content, 0o644))
}
