//go:build linux || darwin

package bench

import (
	"fmt"
	"slices"

	"github.com/parley-chat/parley/cmd/bench/report"
)

// benchCase is one scenario with its parameters.
type benchCase struct {
	scenario string
	params   []report.Param
	users    int      // number of users
	stores   []string // stores to run it on; nil: those of the command line
	peers    bool     // whether the peers can run it too
	long     bool     // run only if asked for by name
	cluster  cluster  // zero: a single server
	hooks    []string // webhooks to compare, on each store; nil: there are none
	servers  []int    // how many PostgreSQL servers the store is of, to compare; nil: one, of all runs
	run      func(*rig) error
}

// name is matched by the flag -run: fan-out/readers=1000/window=16.
func (c benchCase) name() string { return c.scenario + params(c.params) }

// with makes parameters of names and values in turn.
func with(namesAndValues ...any) []report.Param {
	var list []report.Param
	for pair := range slices.Chunk(namesAndValues, 2) {
		list = append(list, report.Param{Name: fmt.Sprint(pair[0]), Value: fmt.Sprint(pair[len(pair)-1])})
	}
	return list
}

// everyStore has all stores, for scenarios that are about storing.
var everyStore = []string{"memory", "sqlite", "postgres"}

// cases are all cases, in the order in which they run.
func cases(sockets int) []benchCase {
	var all []benchCase
	add := func(c benchCase) { all = append(all, c) }
	for _, readers := range []int{100, 1_000, 5_000, 10_000} {
		for _, window := range []int{1, 16} {
			add(benchCase{scenario: "fan-out", params: with("readers", readers, "window", window), users: readers, peers: true, run: fanOut(readers, window)})
		}
	}
	for _, rate := range []int{50, 200, 500, 1_000} {
		add(benchCase{scenario: "rate", params: with("readers", 1_000, "rate", rate), users: 1_000, peers: true, run: fixedRate(1_000, rate)})
	}
	add(benchCase{scenario: "rooms", params: with("rooms", 1_000, "members", 10, "window", 200), users: 10_000, peers: true, run: rooms(1_000, 10, 200)})
	add(benchCase{scenario: "idle", params: with("sockets", sockets), users: sockets + 1, peers: true, run: idle(sockets, 100)})
	for _, history := range []int{0, 50} {
		add(benchCase{scenario: "storm", params: with("clients", 5_000, "history", history), users: 5_002, peers: true, run: storm(5_000, history, 200)})
	}
	for _, d := range []struct{ senders, each int }{{1, 1}, {16, 1}, {256, 1}, {1_000, 4}, {2_000, 1}} {
		add(benchCase{
			scenario: "durable", params: with("senders", d.senders, "each", d.each), users: d.senders + 200, stores: everyStore, peers: true,
			run: durable(d.senders, d.each),
		})
	}
	for _, store := range everyStore {
		for _, senders := range []int{1, 256} {
			add(benchCase{
				scenario: "consumers", params: with("store", store, "senders", senders), users: senders + 200, stores: []string{store}, hooks: everyHooks,
				run: consumers(senders),
			})
		}
	}
	for _, rate := range []int{200, 2_000} {
		add(benchCase{scenario: "indexed", params: with("rate", rate), users: 400, stores: everyStore, run: searching(rate)})
	}
	add(benchCase{scenario: "history", params: with("entries", "1000000", "page", 50, "readers", 16), users: 32, long: true, run: history(1_000_000, 50, 16)})
	add(benchCase{scenario: "history", params: with("entries", "20000", "page", 50, "readers", 16), users: 32, run: history(20_000, 50, 16)})
	add(benchCase{scenario: "slow", params: with("readers", 1_000, "stopped", "1%", "rate", 200), users: 1_000, peers: true, run: slow(1_000, 1, 200)})
	add(benchCase{scenario: "slow", params: with("readers", 1_000, "stopped", "0%", "rate", 200), users: 1_000, peers: true, run: slow(1_000, 0, 200)})
	return append(append(all, clusterCases()...), serversCase())
}
