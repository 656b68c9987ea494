package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// A store speaks to its database in one of two ways. Plainly, a statement is about all rooms of a
// call. To an engine that distributes its tables by room_id (Config.URL), each statement and each
// transaction is about one room, and names it for each of its tables.
//
// There is one text for both ways. Comments in it say what the second one has besides:
//
//	/*in x.room_id*/       AND x.room_id = $n, where $n, behind all others, is the room
//	/*here*/x.room_id      the id as the table of rooms has it, in an INSERT … SELECT
//	/*and here*/           the row that this comes from, at the end of FROM
//	/*plain*/a/*one b*/    b instead of a
//
// Such an engine finds the place of rows that are inserted by the row of their room. It may not
// know a SELECT without columns.
var (
	inPlace   = regexp.MustCompile(`/\*in ([a-z_.]+)\*/`)
	herePlace = regexp.MustCompile(`/\*here\*/(?:[a-z]\.)?room_id`)
	onePlace  = regexp.MustCompile(`(?s)/\*plain\*/.*?/\*one ?(.*?)\*/`)
	argument  = regexp.MustCompile(`\$[0-9]+`)
)

// oneRoom is a statement about one room.
type oneRoom struct {
	sql   string
	named bool // the room is its last argument
}

// oneRooms has the statements that were made, by their text for several rooms.
var oneRooms sync.Map

// inRoom returns the statement about one room. It names the room in a last argument, unless it has
// it already.
func inRoom(sql string) oneRoom {
	if made, ok := oneRooms.Load(sql); ok {
		return made.(oneRoom) //nolint:forcetypeassert // there is nothing else
	}
	last := 0
	for _, arg := range argument.FindAllString(sql, -1) {
		n, _ := strconv.Atoi(arg[1:]) // it has digits only
		last = max(last, n)
	}
	room := fmt.Sprintf("$%d", last+1)
	text := onePlace.ReplaceAllString(sql, "$1")
	text = inPlace.ReplaceAllString(text, " AND ${1} = $"+room) // $$ is $
	text = herePlace.ReplaceAllString(text, "here")
	text = strings.ReplaceAll(text, "/*and here*/", ", (SELECT room_id AS here FROM room WHERE room_id = "+room+") its")
	text = strings.ReplaceAll(text, "(SELECT FROM", "(SELECT 1 FROM")
	made := oneRoom{text, strings.Contains(text, room)}
	oneRooms.Store(sql, made)
	return made
}

// about returns a statement and its arguments as the store's engine takes them. In the second way
// all that it is about is in room.
func (s *Store) about(room chat.RoomID, sql string, args ...any) (string, []any) {
	if !s.distributed {
		return sql, args
	}
	of := inRoom(sql)
	if of.named {
		args = append(slices.Clip(args), string(room))
	}
	return of.sql, args
}

// roomBatch is a batch of statements that are one transaction. In the second way all of them are
// about one room.
type roomBatch struct {
	pgx.Batch
	s    *Store
	room chat.RoomID
}

// Queue adds a statement.
func (b *roomBatch) Queue(sql string, args ...any) *pgx.QueuedQuery {
	sql, args = b.s.about(b.room, sql, args...)
	return b.Batch.Queue(sql, args...)
}

const (
	beginTransaction = "begin isolation level read committed"
	endTransaction   = "commit"
)

// batch begins a transaction that is sent at once. room is only of use in the second way. Plainly,
// the server treats all statements before a Sync message as one transaction. An engine that
// distributes may not, and would give up locks with each statement: so it is told.
func (s *Store) batch(room chat.RoomID) *roomBatch {
	b := &roomBatch{s: s, room: room}
	if s.distributed {
		b.Queue(beginTransaction)
	}
	return b
}

// send sends a batch. When it returns nil, the transaction is committed.
func (s *Store) send(ctx context.Context, pool *pgxpool.Pool, b *roomBatch) error {
	if !s.distributed {
		return pool.SendBatch(ctx, &b.Batch).Close()
	}
	b.Queue(endTransaction)
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // closes the connection, and so rolls back, if a transaction is open
	if err := conn.SendBatch(ctx, &b.Batch).Close(); err != nil {
		return s.undo(ctx, conn, err)
	}
	return nil
}

// undoneError is why a transaction was given up: nothing of it was stored, which is certain.
type undoneError struct{ cause error }

func (e *undoneError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *undoneError) Unwrap() error { return e.cause }

func isUndone(err error) bool {
	_, ok := errors.AsType[*undoneError](err)
	return ok
}

// ofRoom is the part of a list that is about one room. The types of lists are left to others, as a
// copy of this code for each would make the binary larger.
type ofRoom struct {
	room   chat.RoomID
	places []int // in the list
}

// byRooms parts a list of n by the rooms that its elements are about, in the order in which these
// come.
func byRooms(n int, room func(i int) chat.RoomID) (parts []*ofRoom) {
	known := map[chat.RoomID]*ofRoom{}
	for i := range n {
		id := room(i)
		part := known[id]
		if part == nil {
			part = &ofRoom{room: id}
			known[id], parts = part, append(parts, part)
		}
		part.places = append(part.places, i)
	}
	return parts
}

// pick returns what is at some places of a list.
func pick[T any](list []T, places []int) []T {
	picked := make([]T, len(places))
	for n, at := range places {
		picked[n] = list[at]
	}
	return picked
}

// put puts a list at these places of another one.
func put[T any](all []T, places []int, list []T) {
	for n, at := range places[:min(len(places), len(list))] {
		all[at] = list[n]
	}
}

// apart reports whether a call must be made for each room by itself, as it is about several.
func (s *Store) apart(n int, room func(i int) chat.RoomID) bool {
	if s.distributed {
		for i := range n {
			if room(i) != room(0) {
				return true
			}
		}
	}
	return false
}

// first returns the room that the first of a list is about: in the second way all are.
func first(n int, room func(i int) chat.RoomID) (id chat.RoomID) {
	if n > 0 {
		id = room(0)
	}
	return id
}

// ids is for lists of rooms themselves.
func ids(rooms []chat.RoomID) func(i int) chat.RoomID {
	return func(i int) chat.RoomID { return rooms[i] }
}

// each calls do for each of n parts, as many at once as a pool has connections, and returns their
// errors. All of them together are one call, which Config.Timeout bounds.
func (s *Store) each(ctx context.Context, pool *pgxpool.Pool, n int, do func(ctx context.Context, i int) error) []error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	errs := make([]error, n)
	next := make(chan int)
	var calls sync.WaitGroup
	for range min(n, int(pool.Stat().MaxConns())) {
		calls.Go(func() {
			for i := range next {
				errs[i] = do(ctx, i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	calls.Wait()
	return errs
}

// joined returns one error of several, of the kind of the first that says most of what happened: of
// Unavailable, nothing is known.
func joined(errs []error) (worst error) {
	for _, err := range errs {
		if worst == nil || err != nil && errors.Is(err, chat.Unavailable) && !errors.Is(worst, chat.Unavailable) {
			worst = err
		}
	}
	return worst
}

// eachRoom calls ask for each room that a list of n is about. If rooms are away, and not all, its
// error is a ports.Partial.
func (s *Store) eachRoom(ctx context.Context, n int, room func(i int) chat.RoomID, ask func(ctx context.Context, part *ofRoom) error) error {
	parts := byRooms(n, room)
	errs := s.each(ctx, s.pool, len(parts), func(ctx context.Context, i int) error { return ask(ctx, parts[i]) })
	err := joined(errs)
	if err == nil {
		return nil
	}
	away := map[chat.RoomID]bool{}
	for i, err := range errs {
		switch {
		case err == nil:
		case !errors.Is(err, chat.Unavailable):
			return err
		default:
			away[parts[i].room] = true
		}
	}
	if len(away) == len(parts) {
		return err
	}
	return &ports.Partial{Lacks: func(room chat.RoomID) bool { return away[room] }, Err: err}
}

// whole returns no list if the error says that there is nothing in it.
func whole[T any](list []T, err error) ([]T, error) {
	if err != nil && !ports.IsPartial(err) {
		return nil, err
	}
	return list, err
}
