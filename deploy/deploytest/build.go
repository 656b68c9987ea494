package deploytest

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// Image is the result of a Dockerfile: the files of its last stage, and how to run them.
type Image struct {
	Root        string // a folder on this machine
	Stages      []Stage
	Env         map[string]string
	Labels      map[string]string
	User        string // uid:gid
	Workdir     string
	Volumes     []string
	Entrypoint  []string
	Command     []string
	Healthcheck Step
	StopSignal  string
}

// ofBase are the files of the build's base image that the Dockerfile copies, and that this machine
// may lack.
var ofBase = map[string]string{"/etc/ssl/certs/ca-certificates.crt": "certificates, for a test\n"}

// Build executes the steps of deploy/image/Dockerfile, with Go and the module cache of this machine
// instead of those of the base image. args are build arguments: NAME=value.
func Build(t testing.TB, args ...string) Image {
	t.Helper()
	stages, err := ParseDockerfile(string(Read(t, "deploy/image/Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	b := builder{t: t, context: Root(t), roots: map[string]string{}, args: map[string]string{
		"TARGETOS": runtime.GOOS, "TARGETARCH": runtime.GOARCH,
	}}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		b.args[name] = value
	}
	var root string
	inTurn(t, func() {
		for _, stage := range stages {
			root = b.build(stage)
		}
	})
	final := stages[len(stages)-1]
	b.vars = final.pairs("ARG")
	maps.Copy(b.vars, b.args)
	labels := final.pairs("LABEL")
	for name, value := range labels {
		labels[name] = b.expand(value)
	}
	return Image{
		Root: root, Stages: stages, Env: final.Env(), Labels: labels,
		User: final.Last("USER").Text, Workdir: final.Last("WORKDIR").Text, Volumes: final.Last("VOLUME").Words,
		Entrypoint: final.Last("ENTRYPOINT").Words, Command: final.Last("CMD").Words,
		Healthcheck: final.Last("HEALTHCHECK"), StopSignal: final.Last("STOPSIGNAL").Text,
	}
}

// inTurn lets only one process of a user build at a time: concurrent builds would compile the same
// packages, without using the cache.
func inTurn(t testing.TB, build func()) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("parley-build-%d.lock", os.Getuid())), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() // this releases the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	build()
}

// builder executes the steps of one stage after the other.
type builder struct {
	t       testing.TB
	context string
	roots   map[string]string // of stages, by name
	args    map[string]string // build arguments

	root, workdir string
	vars          map[string]string // of the stage: ARG and ENV
}

func (b *builder) build(s Stage) (root string) {
	b.t.Helper()
	b.root, b.workdir, b.vars = b.t.TempDir(), "/", map[string]string{}
	b.roots[s.Name] = b.root
	if s.Base != "scratch" {
		for name, content := range ofBase {
			b.must(writeFile(filepath.Join(b.root, name), []byte(content)))
		}
	}
	for _, step := range s.Steps {
		b.take(step)
	}
	return b.root
}

func (b *builder) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *builder) take(step Step) {
	b.t.Helper()
	switch step.Name {
	case "ARG":
		name, std, _ := strings.Cut(step.Text, "=")
		b.vars[name] = std
		if given, ok := b.args[name]; ok {
			b.vars[name] = given
		}
	case "ENV":
		for _, word := range step.Words {
			name, value, _ := strings.Cut(word, "=")
			b.vars[name] = value
		}
	case "WORKDIR":
		b.workdir = step.Text
		b.must(os.MkdirAll(b.at(b.workdir), 0o755))
	case "COPY":
		b.copy(step)
	case "RUN":
		b.run(step.Text)
	}
}

// at returns the path on this machine of a path in the stage.
func (b *builder) at(path string) string {
	if !strings.HasPrefix(path, "/") {
		path = b.workdir + "/" + path
	}
	return filepath.Join(b.root, filepath.FromSlash(path))
}

func (b *builder) expand(s string) string {
	return os.Expand(s, func(name string) string { return b.vars[name] })
}

// run executes a step like the engine's shell, but with this machine's shell: a step outside of the
// working folder would change the machine.
func (b *builder) run(script string) {
	b.t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = b.at(b.workdir)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GOFLAGS=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	for name, value := range b.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("RUN %s: %v\n%s", script, err, out)
	}
}

func (b *builder) copy(step Step) {
	b.t.Helper()
	if len(step.Words) != 2 {
		b.t.Fatalf("COPY %s: these tests know one source only", step.Text)
	}
	from, ignore := filepath.Join(b.context, step.Words[0]), b.ignored()
	if stage := step.Flags["from"]; stage != nil {
		root, ok := b.roots[stage[0]]
		if !ok {
			b.t.Fatalf("COPY --from=%s: there is no such stage", stage[0])
		}
		from, ignore = filepath.Join(root, step.Words[0]), nil
	}
	uid, gid := 0, 0
	if owner := step.Flags["chown"]; owner != nil {
		uid, gid = owners(b.t, owner[0])
	}
	b.must(copyTree(from, b.at(step.Words[1]), ignore, func(path string) error {
		if os.Geteuid() != 0 {
			return nil // without root there is only one user
		}
		return os.Lchown(path, uid, gid)
	}))
}

// owners reads uid:gid. Names are refused, because the image has no list of users.
func owners(t testing.TB, s string) (uid, gid int) {
	t.Helper()
	u, g, _ := strings.Cut(s, ":")
	uid, badUID := strconv.Atoi(u)
	gid, badGID := strconv.Atoi(g)
	if badUID != nil || badGID != nil {
		t.Fatalf("the user must be numbers, such as 65532:65532, and is %q", s)
	}
	return uid, gid
}

// ignored reads .dockerignore, with the engine's rules.
func (b *builder) ignored() *patternmatcher.PatternMatcher {
	b.t.Helper()
	f, err := os.Open(filepath.Join(b.context, ".dockerignore"))
	b.must(err)
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	b.must(err)
	m, err := patternmatcher.New(patterns)
	b.must(err)
	return m
}

// copyTree copies a file or the contents of a folder. It skips ignored folders as a whole, because
// .dockerignore has no exceptions within them.
func copyTree(from, to string, ignore *patternmatcher.PatternMatcher, own func(string) error) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if ignore != nil && name != "." {
			out, err := ignore.MatchesOrParentMatches(filepath.ToSlash(name))
			if err != nil {
				return err
			}
			if out && entry.IsDir() {
				return fs.SkipDir
			}
			if out {
				return nil
			}
		}
		target := filepath.Join(to, name)
		if err := copyOne(path, target, entry); err != nil {
			return err
		}
		return own(target)
	})
}

func copyOne(from, to string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	switch {
	case entry.IsDir():
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if info.Mode().Perm() == 0o700 {
			return os.Chmod(to, 0o700)
		}
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither a file nor a folder", from)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// Files returns the paths of all files and folders in the image.
func (i Image) Files(t testing.TB) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(i.Root, func(path string, _ fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(i.Root, path); name != "." {
			paths = append(paths, "/"+filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}
