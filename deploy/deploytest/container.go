package deploytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for an expected event.
const patience = time.Minute

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

	t        testing.TB
	root     string
	workdir  string
	uid, gid uint32
}

// Container makes a container of an image. Its root is read-only, except the image's volume and the
// writable folders of the change.
func (i Image) Container(t testing.TB, change Change) *Container {
	t.Helper()
	c := &Container{Entrypoint: i.Entrypoint, Command: i.Command, Env: maps.Clone(i.Env), t: t, root: makeRoot(t), workdir: i.Workdir}
	_, _ = fmt.Sscanf(i.User, "%d:%d", &c.uid, &c.gid)
	if fmt.Sprintf("%d:%d", c.uid, c.gid) != i.User {
		t.Fatalf("the user must be numbers, such as 65532:65532, as the image has no names of users: %q", i.User)
	}
	maps.Copy(c.Env, change.Env)
	sh(t, "cp", "-Rp", i.Root, c.root)
	// Files that an engine adds to every container.
	writeFile(t, c.at("/etc/hosts"), []byte("127.0.0.1 localhost\n::1 localhost\n"))
	writeFile(t, c.at("/etc/resolv.conf"), nil)
	for name, content := range change.Files {
		writeFile(t, c.at(name), content)
	}
	for _, dir := range change.Writable {
		must(t, os.MkdirAll(c.at(dir), 0o755))
	}
	sh(t, "chmod", "-R", "a-w", c.root)
	volume, err := os.Stat(filepath.Join(i.Root, i.Volume))
	must(t, err)
	must(t, os.Chmod(c.at(i.Volume), volume.Mode().Perm()))
	for _, dir := range change.Writable {
		must(t, os.Chmod(c.at(dir), 0o777))
	}
	return c
}

// makeRoot returns a path for a root, which is removed after the test. It has no comma, unlike some
// tests' names, because settings are lists of paths.
func makeRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "parley-container-") //nolint:usetesting // its name is what this is for
	must(t, err)
	t.Cleanup(func() {
		sh(t, "chmod", "-R", "u+w", dir)
		must(t, os.RemoveAll(dir))
	})
	return filepath.Join(dir, "root")
}

// at returns the path on this machine of a path in the container.
func (c *Container) at(path string) string { return filepath.Join(c.root, path) }

// command prepares a program of the container.
func (c *Container) command(args []string) *exec.Cmd {
	here := func(value string) string { return value }
	cmd := &exec.Cmd{Path: args[0], Args: args, Dir: c.workdir}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: &syscall.Credential{Uid: c.uid, Gid: c.gid, Groups: []uint32{}}}
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

// Process is a running program.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	ended chan struct{}
}

// Start starts the entry point with the container's command, and returns when it has printed a line
// with words. The test fails if it ends before. It ends at the latest with the test.
func (c *Container) Start(words string) *Process {
	c.t.Helper()
	p := &Process{t: c.t, cmd: c.command(append(slices.Clone(c.Entrypoint), c.Command...)), ended: make(chan struct{})}
	pipe, err := p.cmd.StdoutPipe()
	must(c.t, err)
	p.cmd.Stderr = p.cmd.Stdout
	must(c.t, p.cmd.Start())
	late := p.killLate()
	defer late.Stop()
	var said strings.Builder
	out := bufio.NewReader(pipe)
	for line := ""; !strings.Contains(line, words); said.WriteString(line) {
		if line, err = out.ReadString('\n'); err != nil {
			_ = p.cmd.Wait() // ProcessState says how it ended
			c.t.Fatalf("%q ended (%v) without saying %q:\n%s%s", p.cmd.Args, p.cmd.ProcessState, words, said.String(), line)
		}
	}
	go func() {
		defer close(p.ended)
		_, _ = io.Copy(&said, out)
		_ = p.cmd.Wait()
	}()
	c.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if c.t.Failed() {
			c.t.Logf("%q printed:\n%s", p.cmd.Args, said.String())
		}
	})
	return p
}

// Stop sends SIGTERM and returns the exit code: -1 if the process had to be killed.
func (p *Process) Stop() int {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	late := p.killLate()
	defer late.Stop()
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// killLate kills the process after patience, unless the timer is stopped before.
func (p *Process) killLate() *time.Timer {
	return time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
}
