package shards

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Slots is how many slots rooms are hashed into, and how many servers there may be.
const Slots = 1024

// Slot returns a room's slot: the first ten bits of a hash that databases can compute too.
func Slot(room chat.RoomID) int {
	sum := sha256.Sum256([]byte(room))
	return int(binary.BigEndian.Uint16(sum[:])) * Slots >> 16
}

// Server is a store that can be one of several.
type Server interface {
	ports.Log
	ports.Spread
	ports.LogIdentity
	ports.Directory
	ports.RoomLists
	ports.People
	ports.Slots
	ports.Revocations
	ports.Hooks
	ports.Cursors
	ports.Consumers
	ports.Retries
	ports.Leases
	ports.SearchIndex
	ports.Checker
	ports.WriteChecker
	ports.Pooled
	ports.Mapped

	// Hold takes over leases that the first server gave to nodes, one node a lease, where they are
	// later than what is known here. It waits for moves under earlier leases.
	Hold(ctx context.Context, leases []ports.Lease, nodes []ports.NodeID) error
	// Raise takes over the generation of consumers of the first server, if it is later than what is
	// known here: a Clear of an earlier one has no effect then.
	Raise(ctx context.Context, generation int64) error
	// Listed is RoomLists.Order, and tells at how many rooms it looked; 0 where there are no keys.
	Listed(ctx context.Context, query ports.OrderQuery) (keys []ports.RoomKey, looked int, cut chat.RoomID, err error)
}

// Store is one store of several servers. It may be called concurrently.
type Store struct {
	ports.LogIdentity
	ports.People
	ports.Revocations
	ports.Hooks

	first  Server
	all    []Server
	behind []*behind // by server
	lanes  int       // of one server, at most

	generation atomic.Int64 // of consumers, the latest that was seen
}

var (
	_ ports.Log          = (*Store)(nil)
	_ ports.Spread       = (*Store)(nil)
	_ ports.Directory    = (*Store)(nil)
	_ ports.RoomLists    = (*Store)(nil)
	_ ports.Slots        = (*Store)(nil)
	_ ports.Cursors      = (*Store)(nil)
	_ ports.Consumers    = (*Store)(nil)
	_ ports.Retries      = (*Store)(nil)
	_ ports.Leases       = (*Store)(nil)
	_ ports.SearchIndex  = (*Store)(nil)
	_ ports.Checker      = (*Store)(nil)
	_ ports.WriteChecker = (*Store)(nil)
	_ ports.Pooled       = (*Store)(nil)
	_ ports.Mapped       = (*Store)(nil)
)

// New returns the store of these servers, of which there must be 1 to Slots. Their order says which
// rooms each has.
func New(servers ...Server) *Store {
	first := servers[0]
	s := &Store{LogIdentity: first, People: first, Revocations: first, Hooks: first, first: first, all: servers}
	for _, server := range servers {
		s.lanes = max(s.lanes, server.Lanes())
		s.behind = append(s.behind, &behind{leases: map[ports.Share]granted{}, taken: map[ports.Share]int64{}})
	}
	return s
}

// at returns the index of a room's server.
func (s *Store) at(room chat.RoomID) int { return Slot(room) % len(s.all) }

// of returns a room's server.
func (s *Store) of(room chat.RoomID) Server { return s.all[s.at(room)] }

// named says which server a fault is of.
func (s *Store) named(i int, err error) error {
	if err == nil {
		return nil
	}
	is := *chat.AsError(err)
	if is.Kind != chat.Unavailable && is.Kind != chat.Internal {
		return err
	}
	is.Cause = fmt.Errorf("server %d of %d: %w", i+1, len(s.all), err)
	return &is
}

// each calls do for all servers at once, and returns the errors.
func (s *Store) each(do func(i int, server Server) error) error {
	return s.some(every, do)
}

func every(int) bool { return true }

// some calls do for those servers at once that are wanted, and returns the errors.
func (s *Store) some(wanted func(i int) bool, do func(i int, server Server) error) error {
	return joined(s.ask(wanted, do))
}

// partly is some. If servers are away, and not all that are wanted, the error is a ports.Partial.
func (s *Store) partly(wanted func(i int) bool, do func(i int, server Server) error) error {
	errs := s.ask(wanted, do)
	err := joined(errs)
	if err == nil {
		return nil
	}
	well := false
	for i, err := range errs {
		if err != nil && chat.AsError(err).Kind != chat.Unavailable {
			return err
		}
		well = well || err == nil && wanted(i)
	}
	if !well {
		return err
	}
	return &ports.Partial{Lacks: func(room chat.RoomID) bool { return errs[s.at(room)] != nil }, Err: err}
}

// ask calls do for those servers at once that are wanted, and returns the errors by server.
func (s *Store) ask(wanted func(i int) bool, do func(i int, server Server) error) []error {
	var asked []int
	for i := range s.all {
		if wanted(i) {
			asked = append(asked, i)
		}
	}
	errs := make([]error, len(s.all))
	var calls sync.WaitGroup
	for n, i := range asked {
		ask := func() { errs[i] = s.named(i, do(i, s.all[i])) }
		if n == len(asked)-1 {
			ask()
		} else {
			calls.Go(ask)
		}
	}
	calls.Wait()
	return errs
}

// joined returns one error of several, of the kind of the first that says most of what happened: of
// Unavailable, nothing is known.
func joined(errs []error) error {
	var worst *chat.Error
	for _, err := range errs {
		if err == nil {
			continue
		}
		if is := chat.AsError(err); worst == nil || is.Kind == chat.Unavailable && worst.Kind != chat.Unavailable {
			worst = is
		}
	}
	if worst == nil {
		return nil
	}
	is := *worst
	is.Cause = errors.Join(errs...)
	return &is
}

// parted is a list by servers: places[i] are the places in the list of what is server i's, and
// parts[i] is that.
type parted[T any] struct {
	places [][]int
	parts  [][]T
}

// part parts a list by the servers of the rooms that its elements are about.
func part[T any](s *Store, list []T, room func(*T) chat.RoomID) parted[T] {
	p := parted[T]{make([][]int, len(s.all)), make([][]T, len(s.all))}
	for i := range list {
		at := s.at(room(&list[i]))
		p.places[at] = append(p.places[at], i)
		p.parts[at] = append(p.parts[at], list[i])
	}
	return p
}

func (p parted[T]) has(i int) bool { return len(p.parts[i]) > 0 }

// count returns how many servers have a part.
func (p parted[T]) count() (n int) {
	for i := range p.parts {
		if p.has(i) {
			n++
		}
	}
	return n
}

// spread has servers answer for their parts of a list, one answer an element, and returns the
// answers in the order of the list. Its error may be a ports.Partial.
func spread[T, A any](s *Store, list []T, room func(*T) chat.RoomID, ask func(server Server, part []T) ([]A, error)) ([]A, error) {
	p := part(s, list, room)
	all := make([]A, len(list))
	err := s.partly(p.has, func(i int, server Server) error {
		answers, err := ask(server, p.parts[i])
		if err != nil {
			return err
		}
		if len(answers) != len(p.parts[i]) {
			return chat.Errorf(chat.Internal, "a store gave %d answers to %d questions", len(answers), len(p.parts[i]))
		}
		for n, at := range p.places[i] {
			all[at] = answers[n]
		}
		return nil
	})
	if err != nil && !ports.IsPartial(err) {
		return nil, err
	}
	return all, err
}

// gather has servers answer for their parts of rooms, and returns all that they answered.
func gather[A any](s *Store, rooms []chat.RoomID, ask func(i int, server Server, rooms []chat.RoomID) ([]A, error)) ([]A, error) {
	p := part(s, rooms, self)
	lists := make([][]A, len(s.all))
	err := s.some(p.has, func(i int, server Server) (err error) {
		lists[i], err = ask(i, server, p.parts[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return flat(lists), nil
}

// awayTime is how long a server may take where the others' answers are of use without its own.
const awayTime = 2 * time.Second

// present asks all servers, and returns what those have that answer. It fails where none does.
func present[A any](ctx context.Context, s *Store, ask func(ctx context.Context, i int, server Server) ([]A, error)) ([]A, error) {
	ctx, cancel := context.WithTimeout(ctx, awayTime)
	defer cancel()
	lists := make([][]A, len(s.all))
	err := s.any(func(i int, server Server) (err error) {
		lists[i], err = ask(ctx, i, server)
		return err
	})
	if err != nil {
		return nil, err
	}
	return flat(lists), nil
}

// any asks all servers, and returns nil if one answers without an error.
func (s *Store) any(ask func(i int, server Server) error) error {
	var well atomic.Bool
	err := s.each(func(i int, server Server) error {
		err := ask(i, server)
		if err == nil {
			well.Store(true)
		}
		return err
	})
	if well.Load() {
		return nil
	}
	return err
}

// flat puts lists together. They are then sorted by slices.SortStableFunc, which adds a third of
// the code of slices.SortFunc to the binary for each type.
func flat[A any](lists [][]A) (all []A) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func self(room *chat.RoomID) chat.RoomID { return *room }
