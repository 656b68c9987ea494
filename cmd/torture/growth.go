package torture

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

// grow has the rooms spread over twice as many PostgreSQL servers while clients write. One node
// waits for that; the others end when they find out, and are started again, as a supervisor does.
// Meanwhile the command is killed, and so is one of the servers.
func (c *cluster) grow(ctx context.Context, f fault) error {
	was := len(c.stores)
	for _, store := range c.stores[:was] {
		standby, err := store.Standby()
		if err != nil {
			return err
		}
		c.stores = append(c.stores, standby)
	}
	for _, n := range c.nodes {
		if err := n.reach(ctx, c.stores[was:]...); err != nil {
			return err
		}
		n.spec.Env = append(n.spec.Env, n.storeURL()) // the last one counts
	}
	waits := c.nodes[0]
	waits.stop(syscall.SIGTERM)
	if err := waits.launch(ctx); err != nil {
		return err
	}
	if err := c.kill(ctx, f); err != nil {
		return err
	}
	if err := c.shards(ctx, "grow", f.hold); err != nil {
		return err
	}
	for _, n := range c.nodes[1:] {
		if err := n.restarts(ctx); err != nil {
			return err
		}
	}
	if waits.await(ctx) == nil {
		return nil
	}
	return waits.persists(ctx) // it had opened the store as a server was killed
}

// kill has the growth begun, and then kills one of the servers.
func (c *cluster) kill(ctx context.Context, f fault) error {
	if err := c.begun(ctx, "grow", f.hold); err != nil {
		return err
	}
	if err := c.stores[f.store].Stop(pgtest.Immediate); err != nil {
		return err
	}
	return c.stores[f.store].Start()
}

// restarts waits until the node has ended by itself, and starts it again.
func (n *node) restarts(ctx context.Context) error {
	if p := n.running(); p != nil {
		select {
		case <-p.Exited():
		case <-time.After(time.Minute):
			return fmt.Errorf("%s goes on by the map before: %s", n.name, p.Output())
		}
	}
	return n.persists(ctx)
}

// persists starts the node, as often as it takes, as a supervisor does: a node that is about to
// start may end where a server of the store does.
func (n *node) persists(ctx context.Context) (err error) {
	for range 5 {
		n.stop(syscall.SIGKILL) // it has ended
		if err = n.start(ctx); err == nil {
			return nil
		}
	}
	return err
}

// begun starts parley shards with what to do, and kills it after a time.
func (c *cluster) begun(ctx context.Context, what string, after time.Duration) error {
	cmd := c.shardsCommand(ctx, what)
	if err := cmd.Start(); err != nil {
		return err
	}
	pause(ctx, after)
	err := cmd.Process.Kill()
	_ = cmd.Wait() // it was killed, or had ended
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// shards runs parley shards until it has done its work. It is killed once before.
func (c *cluster) shards(ctx context.Context, what string, killed time.Duration) (err error) {
	if err := c.begun(ctx, what, killed); err != nil {
		return err
	}
	for range 20 {
		var out []byte
		if out, err = c.shardsCommand(ctx, what).CombinedOutput(); err == nil {
			c.cfg.say("    %s", strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", "\n    "))
			return nil
		}
		err = fmt.Errorf("parley shards %s: %w: %s", what, err, out)
		pause(ctx, time.Second)
	}
	return err
}

func (c *cluster) shardsCommand(ctx context.Context, what string) *exec.Cmd {
	var urls []string
	for _, store := range c.stores {
		urls = append(urls, store.URL())
	}
	cmd := exec.CommandContext(ctx, c.parley, "shards", what) //nolint:gosec // the binary under test
	cmd.Env = append(environ(), "PARLEY_STORE_URL="+strings.Join(urls, " "))
	cmd.Dir = c.dir
	return cmd
}
