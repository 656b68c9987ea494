package deploytest

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for an expected event.
const patience = 30 * time.Second

// Change describes how a container differs from its image.
type Change struct {
	Env      map[string]string // a value may be empty
	Files    map[string][]byte // mounted files, by path
	Writable []string          // mounted folders that everybody may write to
}

// Container is a root folder with its user and its environment. The package's comment says how its
// processes are confined.
type Container struct {
	Entrypoint []string
	Command    []string
	Env        map[string]string

	t       testing.TB
	root    string
	workdir string
	uid     int
	gid     int
}

// Container makes a container of an image. Its root is read-only, except the image's volumes and
// the writable folders of the change.
func (i Image) Container(t testing.TB, change Change) *Container {
	t.Helper()
	c := &Container{
		Entrypoint: i.Entrypoint, Command: i.Command, Env: maps.Clone(i.Env),
		t: t, root: makeDir(t), workdir: i.Workdir,
	}
	c.uid, c.gid = owners(t, i.User)
	maps.Copy(c.Env, change.Env)
	c.must(copyTree(i.Root, c.root, nil, func(string) error { return nil }))
	// Files that an engine adds to every container.
	c.must(writeFile(c.at("/etc/hosts"), []byte("127.0.0.1 localhost\n::1 localhost\n")))
	c.must(writeFile(c.at("/etc/resolv.conf"), nil))
	for path, content := range change.Files {
		c.must(writeFile(c.at(path), content))
	}
	for _, dir := range change.Writable {
		c.must(os.MkdirAll(c.at(dir), 0o755))
	}
	c.protect(i.Volumes, change.Writable)
	return c
}

// makeDir makes a folder that is removed after the test. Its path has no comma, unlike some tests'
// names, because settings are lists of paths.
func makeDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "parley-container-") //nolint:usetesting // its name is what this is for
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (c *Container) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// at returns the path on this machine of a path in the container.
func (c *Container) at(path string) string { return filepath.Join(c.root, filepath.FromSlash(path)) }

// protect makes all folders read-only, except volumes.
func (c *Container) protect(volumes, writable []string) {
	c.t.Helper()
	mode := func(folder fs.FileMode) {
		err := filepath.WalkDir(c.root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() || slices.ContainsFunc(volumes, func(v string) bool { return c.at(v) == path }) {
				return err
			}
			return os.Chmod(path, folder)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.t.Error(err)
		}
	}
	mode(0o555)
	c.t.Cleanup(func() { mode(0o755) }) // so that it can be removed
	for _, dir := range writable {
		c.must(os.Chmod(c.at(dir), 0o777))
	}
	if os.Geteuid() == 0 {
		for _, dir := range volumes { // an engine keeps the folder's owner in the image
			c.must(os.Chown(c.at(dir), c.uid, c.gid))
		}
	}
}

// command prepares a program of the container.
func (c *Container) command(args []string) *exec.Cmd {
	confined := os.Geteuid() == 0
	here := func(path string) string { return path }
	cmd := &exec.Cmd{Path: args[0], Args: args, Dir: c.workdir}
	if confined {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot: c.root, Credential: &syscall.Credential{Uid: uint32(c.uid), Gid: uint32(c.gid), Groups: []uint32{}},
		}
	} else {
		here, cmd.Path, cmd.Dir = c.outside, c.at(args[0]), c.at(c.workdir)
	}
	cmd.Env = []string{} // nothing of this process
	for name, value := range c.Env {
		cmd.Env = append(cmd.Env, name+"="+here(value))
	}
	return cmd
}

// outside returns an environment value, a list of paths separated by commas, with the paths on this
// machine.
func (c *Container) outside(value string) string {
	parts := strings.Split(value, ",")
	for i, part := range parts {
		if strings.HasPrefix(part, "/") {
			parts[i] = c.at(part)
		}
	}
	return strings.Join(parts, ",")
}

// Run runs the entry point with arguments, and waits for its end.
func (c *Container) Run(args ...string) (code int, out string) {
	c.t.Helper()
	return c.Exec(append(slices.Clone(c.Entrypoint), args...)...)
}

// Exec runs a program of the container, and waits for its end.
func (c *Container) Exec(args ...string) (code int, out string) {
	c.t.Helper()
	cmd := c.command(args)
	all, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		c.t.Fatalf("%q: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), string(all)
}

// Start starts the entry point with the container's command. It ends at the latest with the test.
func (c *Container) Start() *Process {
	c.t.Helper()
	p := &Process{t: c.t, cmd: c.command(append(slices.Clone(c.Entrypoint), c.Command...)), ended: make(chan struct{})}
	p.more = sync.NewCond(&p.mu)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	c.must(p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // its exit code says the same
		p.mu.Lock()
		defer p.mu.Unlock()
		close(p.ended)
		p.more.Broadcast()
	}()
	c.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if c.t.Failed() {
			c.t.Logf("%q printed:\n%s", p.cmd.Args, p.out.String())
		}
	})
	return p
}

// Process is a running program.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	ended chan struct{}

	mu   sync.Mutex
	more *sync.Cond
	out  bytes.Buffer
}

// Write receives the process's output.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.more.Broadcast()
	return p.out.Write(b)
}

// Until waits until the process has printed words, and fails the test if it ends before.
func (p *Process) Until(words string) {
	p.t.Helper()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !strings.Contains(p.out.String(), words) {
		select {
		case <-p.ended:
			p.t.Fatalf("%q ended (%v) without saying %q:\n%s", p.cmd.Args, p.cmd.ProcessState, words, p.out.String())
		default:
		}
		p.more.Wait()
	}
}

// Stop sends the signal and returns the exit code: -1 if the process had to be killed.
func (p *Process) Stop(s os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// FreeAddr returns an address of this machine that nothing listens on.
func FreeAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
