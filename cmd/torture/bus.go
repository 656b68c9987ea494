package torture

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/cmd/bench/proc"
)

// busServer is the server process of a bus.
type busServer struct {
	url     string
	addr    string
	spec    proc.Spec
	process *proc.Process
}

// busURL returns the URL of the bus, or an empty string.
func (c *cluster) busURL() string {
	switch {
	case c.bus != nil:
		return c.bus.url
	case c.cfg.Bus == "postgres":
		return c.stores[0].URL()
	}
	return ""
}

func (c *cluster) startBus(ctx context.Context) error {
	if c.cfg.Bus == "none" || c.cfg.Bus == "postgres" {
		return nil
	}
	addr, err := freeaddr.Find()
	if err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(addr)
	b := &busServer{url: c.cfg.Bus + "://" + addr, addr: addr, spec: proc.Spec{Dir: c.dir}}
	switch c.cfg.Bus {
	case "nats":
		b.spec.Path, err = find("nats-server", "make tools builds it, or install it from https://github.com/nats-io/nats-server")
		b.spec.Args = []string{"-a", host, "-p", port}
	case "redis":
		b.spec.Path, err = find("redis-server", "make parts installs it")
		b.spec.Args = []string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no"}
	}
	if err != nil {
		return err
	}
	c.cfg.say("starting %s on %s", filepath.Base(b.spec.Path), addr)
	c.bus = b
	return b.start(ctx)
}

// find returns the path of a third-party program: in PATH, or built by the project.
func find(program, hint string) (string, error) {
	if source, err := findSource(); err == nil {
		built := filepath.Join(source, ".tools", program)
		if _, err := os.Stat(built); err == nil {
			return built, nil
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%w; %s", err, hint)
	}
	return path, nil
}

func (b *busServer) start(ctx context.Context) (err error) {
	if b.process, err = proc.Start(ctx, b.spec); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.addr)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the bus does not listen: %w\n%s", err, b.process.Output())
		}
	}
}

func (b *busServer) kill() {
	if b.process == nil {
		return
	}
	_ = syscall.Kill(b.process.PID(), syscall.SIGKILL)
	<-b.process.Exited()
	_ = b.process.Stop()
	b.process = nil
}
