//go:build linux || darwin

package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/cmd/bench/report"
)

// serversCase has one node on one PostgreSQL server, on two and on three, each of which gets the
// same part of a core: as with servers of their own, more of them can do more.
func serversCase() benchCase {
	const senders, rooms = 256, 96
	return benchCase{
		scenario: "servers", params: append(with("senders", senders, "rooms", rooms), report.Param{Name: "a server", Value: strconv.Itoa(serverShare) + "% of a core"}),
		users: senders + rooms, stores: []string{"postgres"}, long: true, servers: []int{1, 2, 3},
		run: func(r *rig) error {
			names := make([]string, rooms)
			for i := range names {
				names[i] = "bench-" + strconv.Itoa(i)
			}
			if err := r.make(names); err != nil {
				return err
			}
			return r.append(senders, 1, func(i int) string { return names[i%rooms] })
		},
	}
}

// serverShare is the part of a core that each server gets, in percent.
const serverShare = 25

// held is PostgreSQL servers that can be held to serverShare each.
type held struct {
	servers []*pgtest.Program
	groups  []string // folders of control groups
}

// beginHeld starts n servers, which are not held yet.
func beginHeld(n int) (h *held, err error) {
	h = &held{}
	for range n {
		p, err := pgtest.Begin(pgtest.Durable(), pgtest.With("shared_buffers", "128MB"))
		if err != nil {
			return nil, errors.Join(err, h.release())
		}
		h.servers = append(h.servers, p)
	}
	return h, nil
}

// hold holds each server to its share.
func (h *held) hold() error {
	for i, p := range h.servers {
		pids, err := p.Processes()
		if err != nil {
			return err
		}
		group, err := makeGroup(fmt.Sprintf("parley-bench-%d-%d", os.Getpid(), i), serverShare)
		if err != nil {
			return err
		}
		h.groups = append(h.groups, group)
		for _, pid := range pids { // what the first one starts later is in the group too
			err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600)
			if err != nil && !errors.Is(err, syscall.ESRCH) { // or it has ended
				return fmt.Errorf("hold a server to a part of a core: %w", err)
			}
		}
	}
	return nil
}

// url is the setting of a store of all servers.
func (h *held) url() string {
	var urls []string
	for _, p := range h.servers {
		urls = append(urls, p.URL())
	}
	return strings.Join(urls, " ")
}

// release ends the servers.
func (h *held) release() (err error) {
	for _, p := range h.servers {
		err = errors.Join(err, p.Remove())
	}
	for _, group := range h.groups {
		err = errors.Join(err, os.Remove(group))
	}
	return err
}

// groupPeriod is in which time a group gets its share, in microseconds.
const groupPeriod = 20_000

// makeGroup makes a control group of Linux whose processes get a part of a core, in percent: of the
// second version, or of the first one where the controller is there.
func makeGroup(name string, percent int) (dir string, err error) {
	quota := groupPeriod * percent / 100
	files := map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, groupPeriod)}
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cpu", "cpu.cfs_quota_us")); err == nil {
		root = filepath.Join(root, "cpu")
		files = map[string]string{"cpu.cfs_period_us": strconv.Itoa(groupPeriod), "cpu.cfs_quota_us": strconv.Itoa(quota)}
	} else {
		err = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+cpu"), 0o600)
		if err != nil {
			return "", noGroups(err)
		}
	}
	dir = filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o750); err != nil {
		return "", noGroups(err)
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			return "", errors.Join(noGroups(err), os.Remove(dir))
		}
	}
	return dir, nil
}

func noGroups(err error) error {
	return fmt.Errorf("a server cannot be held to a part of a core here, which takes Linux and a right to make control groups with the controller cpu: %w", err)
}
