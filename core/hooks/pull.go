package hooks

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	pullEvery   = time.Second // how often a request that waits asks the store
	pullWaits   = 8           // max requests that wait for one hook on this node
	pullRooms   = 64          // max rooms in one look
	pullPasses  = 1000        // max entries that are passed over in a room in one look
	maxNudged   = 1000        // max rooms of a hook in nudges
	stuckAtOnce = 200
)

// nudges has the rooms in which a hook may have something to pull, as far as this node knows, and
// who waits for that. The store knows all such rooms a moment later.
type nudges struct {
	mu    sync.Mutex
	rooms map[chat.HookID]map[chat.RoomID]struct{}
	wakes map[chat.HookID]chan struct{} // closed by the next give
}

// give notes that a hook may have something to pull in a room.
func (n *nudges) give(id chat.HookID, room chat.RoomID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rooms == nil {
		n.rooms = map[chat.HookID]map[chat.RoomID]struct{}{}
	}
	if n.rooms[id] == nil {
		n.rooms[id] = map[chat.RoomID]struct{}{}
	}
	if len(n.rooms[id]) < maxNudged {
		n.rooms[id][room] = struct{}{}
	}
	if wake := n.wakes[id]; wake != nil {
		close(wake)
		delete(n.wakes, id)
	}
}

// take returns some of the rooms. more is closed when there are more.
func (n *nudges) take(id chat.HookID) (rooms []chat.RoomID, more <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for room := range n.rooms[id] {
		if len(rooms) == pullRooms {
			break
		}
		rooms = append(rooms, room)
		delete(n.rooms[id], room)
	}
	if len(n.rooms[id]) == 0 {
		delete(n.rooms, id)
	}
	if n.wakes == nil {
		n.wakes = map[chat.HookID]chan struct{}{}
	}
	if n.wakes[id] == nil {
		n.wakes[id] = make(chan struct{})
	}
	return rooms, n.wakes[id]
}

// owner returns a hook if the caller may pull from it.
func (s *Service) owner(ctx context.Context, by ports.HookCaller, id chat.HookID) (ports.Hook, error) {
	if by.Secret == "" {
		h, err := s.own(ctx, by.By, id)
		return h, pulls(h, err)
	}
	s.mu.Lock()
	known := s.known[id]
	s.mu.Unlock()
	if !s.opens(known, by.Secret) && !s.doubts.pass() {
		return ports.Hook{}, errTooMany
	}
	h, err := s.hook(ctx, id)
	if err != nil {
		return h, errSecret(err)
	}
	if !s.opens(h, by.Secret) {
		return h, errBadSecret
	}
	return h, pulls(h, nil)
}

// opens reports whether a text is a secret of the hook that is in use now.
func (s *Service) opens(h ports.Hook, text string) bool {
	secrets, err := s.cfg.Keys.open(ofSecrets(h.ID), h.Secrets)
	now := time.Now()
	return err == nil && slices.ContainsFunc(secrets, func(one secret) bool {
		return (one.until.IsZero() || one.until.After(now)) && one.is(text)
	})
}

// doubts bounds how often the store is asked about secrets that this node does not know. They may
// be new. But anybody can send such a secret, without a token.
type doubts struct {
	mu sync.Mutex
	bucket
}

const (
	doubtEvery = 200 * time.Millisecond
	doubtBurst = 20
)

func (d *doubts) pass() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.take(time.Now(), doubtEvery, doubtBurst) == 0
}

// bucket is a token bucket, which bounds how often something is done. Its zero value is full.
type bucket struct {
	full time.Time // when it will be full: for each period until then, one is missing
}

// take takes one from a bucket that holds burst, and gets one back each period. If it is empty,
// take returns how long until it is not.
func (b *bucket) take(now time.Time, period time.Duration, burst int) (wait time.Duration) {
	if b.full.Before(now) {
		b.full = now
	}
	if wait := b.full.Sub(now) - time.Duration(burst-1)*period; wait > 0 {
		return wait
	}
	b.full = b.full.Add(period)
	return 0
}

var errTooMany = &chat.Error{Kind: chat.RateLimited, Reason: "too many unknown secrets; wait a moment", RetryAfter: doubtEvery}

var errBadSecret = chat.Errorf(chat.Unauthenticated, "the secret is not that of the hook")

// errSecret hides from a caller without a good secret whether the hook exists.
func errSecret(err error) error {
	if chat.AsError(err).Kind == chat.NotFound {
		return errBadSecret
	}
	return err
}

// pulls returns a Conflict if nobody can pull from the hook.
func pulls(h ports.Hook, err error) error {
	switch {
	case err != nil:
		return err
	case h.Kind != ports.HookPull:
		return chat.Errorf(chat.Conflict, "this is a push hook: nobody can pull from it")
	case h.Paused != "":
		return chat.Errorf(chat.Conflict, "the hook is paused: %s", h.Paused)
	}
	return nil
}

// PullHook implements ports.HookCursors.
func (s *Service) PullHook(ctx context.Context, by ports.HookCaller, id chat.HookID, wait time.Duration, limit int) ([]ports.HookBatch, error) {
	h, err := s.owner(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if err := s.begins(id); err != nil {
		return nil, err
	}
	defer s.ends(id)
	end := time.After(wait)
	for {
		batches, more, err := s.pull(ctx, h, limit)
		if err != nil || len(batches) > 0 {
			return batches, err
		}
		select {
		case <-more:
		case <-time.After(pullEvery):
		case <-end:
			return nil, nil
		case <-s.leaves:
			return nil, nil
		case <-ctx.Done():
			return nil, chat.Wrap(chat.Unavailable, ctx.Err(), "wait for something to pull")
		}
		if h, err = s.owner(ctx, by, id); err != nil { // it may have changed meanwhile
			return nil, err
		}
	}
}

// begins counts a request that waits for a hook. It fails if there are too many.
func (s *Service) begins(id chat.HookID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pulls[id] >= pullWaits {
		return &chat.Error{Kind: chat.RateLimited, Reason: "too many requests pull from this hook at once", RetryAfter: time.Second}
	}
	s.pulls[id]++
	return nil
}

func (s *Service) ends(id chat.HookID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pulls[id]--; s.pulls[id] == 0 {
		delete(s.pulls, id)
	}
}

// pull takes the batches that there are now. more is closed when there may be more.
func (s *Service) pull(ctx context.Context, h ports.Hook, limit int) (batches []ports.HookBatch, more <-chan struct{}, err error) {
	if err := s.mayRead(ctx, h); err != nil {
		_ = s.held(ctx, h, err) // the error is for a runner, and there is none here
		return nil, nil, chat.Errorf(chat.Conflict, "the hook is paused: %v", err)
	}
	rooms, more, err := s.behind(ctx, h)
	if err != nil || len(rooms) == 0 {
		return nil, more, err
	}
	leased, err := s.cfg.Store.LeaseRooms(ctx, h.ID, rooms, ports.LeaseTime)
	if err != nil {
		return nil, more, err
	}
	var unused []chat.RoomID
	for _, room := range leased {
		if limit == 0 {
			unused = append(unused, room)
			s.nudges.give(h.ID, room)
			continue
		}
		b, err := s.batchOf(ctx, h, room, limit)
		if err != nil {
			return nil, more, err
		}
		if len(b.Entries) == 0 {
			unused = append(unused, room)
			continue
		}
		limit -= len(b.Entries)
		batches = append(batches, b)
	}
	if len(unused) > 0 {
		_, err = s.cfg.Store.LeaseRooms(ctx, h.ID, unused, 0)
	}
	return batches, more, err
}

// behind returns rooms where a hook may have something to pull: some that this node knows of, and
// some that the store knows of.
func (s *Service) behind(ctx context.Context, h ports.Hook) (rooms []chat.RoomID, more <-chan struct{}, err error) {
	rooms, more = s.nudges.take(h.ID)
	after := chat.RoomID("")
	for len(rooms) < pullRooms {
		stuck, err := s.cfg.Consumers.Stuck(ctx, nameOf(h), after, stuckAtOnce)
		if err != nil {
			return nil, more, err
		}
		for _, c := range stuck {
			if after = c.Room; c.UpTo > c.Seq && len(rooms) < pullRooms && !slices.Contains(rooms, c.Room) {
				rooms = append(rooms, c.Room)
			}
		}
		if len(stuck) < stuckAtOnce {
			break
		}
	}
	slices.Sort(rooms)
	return rooms, more, nil
}

// batchOf returns the hook's next batch in a room that the caller has leased. It has no entries if
// there is nothing to pull. Entries that the hook does not want are passed over for good.
func (s *Service) batchOf(ctx context.Context, h ports.Hook, room chat.RoomID, limit int) (ports.HookBatch, error) {
	c := newConsumer(s, h)
	b := ports.HookBatch{Hook: h.ID, Room: room}
	at, there, err := s.cursor(ctx, h, room)
	if err != nil || !there {
		return b, err
	}
	if b.Head, err = s.head(ctx, room); err != nil {
		return b, err
	}
	limit = min(limit, h.Filter.Batch)
	for after := at.Seq; after < b.Head; {
		entries, err := s.cfg.Log.Read(ctx, room, ports.Span{After: after, Limit: ports.MaxHookBatch, Bytes: batchBytes})
		if err != nil || len(entries) == 0 {
			return b, err
		}
		for i := range entries {
			if after = entries[i].Seq; c.Filter(&entries[i]) && len(b.Entries) < limit {
				b.Entries = append(b.Entries, entries[i])
			}
		}
		if len(b.Entries) > 0 {
			b.First, b.Last = b.Entries[0].Seq, b.Entries[len(b.Entries)-1].Seq
			b.Head = max(b.Head, b.Last)
			s.pack(&b)
			return b, nil
		}
		if after-at.Seq >= pullPasses || after >= b.Head {
			return b, s.cfg.Runner.Seek(ctx, nameOf(h), room, after)
		}
	}
	return b, nil
}

// AckHook implements ports.HookCursors.
func (s *Service) AckHook(ctx context.Context, by ports.HookCaller, id chat.HookID, ack ports.HookAck) (chat.Seq, error) {
	h, err := s.owner(ctx, by, id)
	if err != nil {
		return 0, err
	}
	b, err := parseBatchID(ack.ID)
	if err == nil && (b.Hook != id || !follows(roomsOf(h), b.Room)) {
		err = errBatchID
	}
	if err != nil {
		return 0, err
	}
	answer, err := ack.Answer(b.Room)
	if err != nil {
		return 0, err
	}
	if err := newConsumer(s, h).act(ctx, &b, answer.Do); err != nil {
		return 0, chat.Errorf(chat.Unavailable, "%v; nothing was acknowledged: ask again", err)
	}
	to := b.Last
	if answer.Ack != nil {
		to = min(*answer.Ack, b.Last)
	}
	at, _, err := s.cursor(ctx, h, b.Room)
	if err != nil {
		return 0, err
	}
	if to > at.Seq {
		if err := s.cfg.Runner.Seek(ctx, nameOf(h), b.Room, to); err != nil {
			return 0, err
		}
		at.Seq = to
	}
	if head, err := s.head(ctx, b.Room); err == nil && head > at.Seq {
		defer s.nudges.give(id, b.Room)
	}
	_, err = s.cfg.Store.LeaseRooms(ctx, id, []chat.RoomID{b.Room}, 0)
	return at.Seq, err
}

var errBatchID = chat.Errorf(chat.Invalid, "id must be that of a batch of this hook")

// parseBatchID reads a batch's id: hook.room.first-last.digest. The room's id may have dots too.
func parseBatchID(id string) (b ports.HookBatch, err error) {
	named, _, ok := cutLast(id, ".")
	if !ok {
		return b, errBatchID
	}
	named, bounds, _ := cutLast(named, ".")
	hook, room, _ := strings.Cut(named, ".")
	first, last, _ := strings.Cut(bounds, "-")
	if b.Hook, err = chat.ParseHookID(hook); err != nil {
		return b, errBatchID
	}
	if b.Room, err = chat.ParseRoomID(room); err != nil {
		return b, errBatchID
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	if err1 != nil || err2 != nil || from < 1 || to < from || to > int64(chat.MaxSeq) {
		return b, errBatchID
	}
	b.First, b.Last = chat.Seq(from), chat.Seq(to)
	return b, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
