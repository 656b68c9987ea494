package hooks

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

const (
	batchBytes  = 256 << 10
	inFlight    = 64
	postTime    = 15 * time.Second // for the endpoint's answer
	takeTime    = 30 * time.Second // for that, and for the commands in the answer
	restTime    = time.Minute      // pause of a hook that cannot be told anything now
	parkTime    = 24 * time.Hour   // for so long the runner leaves a batch to whoever pulls it
	digestChars = 10
)

// consumer is a hook as the runner knows it, at one version.
type consumer struct {
	s     *Service
	h     ports.Hook
	rooms []chat.RoomPattern
	bot   chat.Identity
	rests string // why it is told nothing for now; empty: it is
}

func newConsumer(s *Service, h ports.Hook) *consumer {
	c := &consumer{s: s, h: h, rooms: roomsOf(h), rests: h.Paused}
	c.bot = chat.Identity{User: h.Bot.ID, Name: h.Bot.Name, Grants: chat.Grants{}}
	for _, pattern := range c.rooms {
		c.bot.Grants[string(pattern)] = h.Role
	}
	return c
}

// roomsOf returns which rooms a hook follows.
func roomsOf(h ports.Hook) []chat.RoomPattern {
	if h.Room != "" {
		return []chat.RoomPattern{chat.RoomPattern(h.Room)}
	}
	return h.Filter.Rooms
}

// nameOf returns the name of a hook's consumer. It changes each time that the hook begins anew.
func nameOf(h ports.Hook) string {
	if h.Epoch == 0 {
		return namePrefix + string(h.ID)
	}
	return namePrefix + string(h.ID) + ":" + strconv.Itoa(h.Epoch)
}

// Name implements consuming.Consumer.
func (c *consumer) Name() string { return nameOf(c.h) }

// Wants implements consuming.Consumer.
func (c *consumer) Wants(room chat.RoomID) bool { return follows(c.rooms, room) }

func follows(rooms []chat.RoomPattern, room chat.RoomID) bool {
	return slices.ContainsFunc(rooms, func(p chat.RoomPattern) bool { return p.Fits(room) })
}

// From implements consuming.Consumer.
func (c *consumer) From() consuming.From {
	if c.h.From.IsZero() {
		return consuming.Start()
	}
	return consuming.At(c.h.From)
}

// Limits implements consuming.Consumer.
func (c *consumer) Limits() consuming.Limits {
	return consuming.Limits{Entries: c.h.Filter.Batch, Bytes: batchBytes, Gather: c.h.Filter.Wait, Rooms: inFlight, Time: takeTime, Rests: c.rests}
}

// Filter implements consuming.Consumer.
func (c *consumer) Filter(e *chat.Entry) bool {
	if e.Author.ID == c.h.Bot.ID && !c.h.Filter.Own {
		return false
	}
	types := c.h.Filter.Types
	if len(types) == 0 {
		return true
	}
	name, set := typesOf(e)
	return slices.Contains(types, name) || set != "" && slices.Contains(types, set)
}

// typesOf returns the type of an entry, and of what it sets.
func typesOf(e *chat.Entry) (name, set string) {
	switch f := e.Fact.(type) {
	case chat.Message:
		return "message", ""
	case chat.Edited:
		return "edited", ""
	case chat.Deleted:
		return "deleted", ""
	case chat.Reacted:
		return "reacted", ""
	case chat.MemberChanged:
		return "member", ""
	case chat.RoomChanged:
		return "room", ""
	case chat.Set:
		return "set", string(f.Type)
	case chat.Unknown:
		return f.Type, ""
	}
	return "", ""
}

// Seal implements consuming.Consumer. Nothing needs to be stored: a batch's id has a digest of its
// bytes.
func (c *consumer) Seal(consuming.Batch) []byte { return nil }

// Take implements consuming.Consumer.
func (c *consumer) Take(ctx context.Context, b consuming.Batch) (consuming.Taken, error) {
	if c.h.Kind == ports.HookPull {
		c.s.nudges.give(c.h.ID, b.Room)
		return consuming.Taken{}, consuming.Left{For: parkTime}
	}
	if b.Trace != "" {
		ctx = ports.WithTrace(ctx, b.Trace)
	}
	ctx, ending := c.s.cfg.Observer.Began(ctx, ports.Step{Name: "hook", Room: b.Room, Count: len(b.Entries)})
	taken, err := c.post(ctx, b)
	ending.End(err)
	return taken, err
}

var errNone = errors.New("the answer says that nothing was taken")

// post sends a batch, and does the commands of the answer.
func (c *consumer) post(ctx context.Context, b consuming.Batch) (consuming.Taken, error) {
	if err := c.s.mayRead(ctx, c.h); err != nil {
		return consuming.Taken{}, c.s.held(ctx, c.h, err)
	}
	parcel, err := c.s.parcel(c.h)
	if err != nil {
		c.s.cfg.Observer.Fault(ctx, "read the secrets of a hook", err)
		return consuming.Taken{}, consuming.Pause{For: restTime, Cause: err}
	}
	batch := ports.HookBatch{Hook: c.h.ID, Room: b.Room, First: b.First, Last: b.Last, Head: b.Head, Entries: b.Entries, Forms: b.Forms}
	parcel.Body = c.s.pack(&batch)
	parcel.ID = batch.ID
	parcel.Read = func(answer []byte) (ports.HookAnswer, error) { return c.s.cfg.Read(answer, b.Room) }
	receipt, err := c.deliver(ctx, parcel)
	if err != nil {
		return consuming.Taken{}, err
	}
	if err := c.act(ctx, &batch, receipt.Answer.Do); err != nil {
		return consuming.Taken{}, err
	}
	ack := receipt.Answer.Ack
	switch {
	case ack == nil:
		return b.All(), nil
	case *ack < b.First:
		return consuming.Taken{}, errNone
	}
	return consuming.Taken{UpTo: min(*ack, b.Last)}, nil
}

// pack returns the bytes of a batch, and sets its ID: the hook, the room, the bounds, and a digest
// of these bytes.
func (s *Service) pack(b *ports.HookBatch) []byte {
	body := s.cfg.Pack(nil, b)
	sum := sha256.Sum256(body)
	b.ID = nameOfBatch(b) + "." + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:digestChars])
	return body
}

// nameOfBatch returns the part of a batch's id that is the same for each attempt.
func nameOfBatch(b *ports.HookBatch) string {
	return fmt.Sprintf("%s.%s.%d-%d", b.Hook, b.Room, b.First, b.Last)
}

// deliver sends a parcel. The error tells the runner how to go on.
func (c *consumer) deliver(ctx context.Context, p ports.Parcel) (ports.HookReceipt, error) {
	posting, cancel := context.WithTimeout(ctx, postTime)
	began := time.Now()
	receipt, err := c.s.cfg.Courier.Deliver(posting, p)
	cancel()
	if ctx.Err() != nil { // the runner has given it up
		return receipt, ctx.Err()
	}
	result := resultOf(receipt, err)
	c.s.cfg.Observer.HookTried(result, time.Since(began))
	switch {
	case err != nil:
		err = errors.New(chat.AsError(err).Reason)
	case result != ports.HookOK:
		err = errStatus(receipt.Status)
	}
	if result != ports.HookGone { // a hook that is gone is paused, which says enough
		c.s.fares(c.h.ID, err)
	}
	switch result {
	case ports.HookOK:
		return receipt, nil
	case ports.HookGone:
		return receipt, c.s.held(ctx, c.h, err)
	case ports.HookBusy:
		return receipt, consuming.Retry{After: receipt.RetryAfter, Cause: err}
	}
	return receipt, err
}

func errStatus(status int) error {
	if 300 <= status && status < 400 {
		return fmt.Errorf("it answered %d, and no redirect is followed", status)
	}
	return fmt.Errorf("it answered %d", status)
}

func resultOf(r ports.HookReceipt, err error) ports.HookResult {
	switch {
	case errors.Is(err, chat.Forbidden):
		return ports.HookForbidden
	case err != nil:
		return ports.HookUnreachable
	case 200 <= r.Status && r.Status < 300:
		return ports.HookOK
	case r.Status == 410:
		return ports.HookGone
	case r.Status == 429 || r.Status == 503:
		return ports.HookBusy
	case r.Status >= 500:
		return ports.HookFailed
	}
	return ports.HookRefused
}

// mayRead returns an error if a moderator's hook may not be told anything any more, as its maker
// does not moderate the room now. See the package's comment.
func (s *Service) mayRead(ctx context.Context, h ports.Hook) error {
	if h.Room == "" {
		return nil
	}
	places, err := s.cfg.Directory.Places(ctx, []ports.Place{{Room: h.Room, User: h.By}})
	if err != nil {
		return consuming.Pause{For: time.Second, Cause: err}
	}
	place := places[0].Member
	if place.Banned || !h.Granted && !place.Role.May(chat.Moderate) {
		return fmt.Errorf("%s, who made it, does not moderate %s any more", h.By, h.Room)
	}
	return nil
}

// held pauses a hook until its owner resumes it, and stores the reason for the owner to see.
func (s *Service) held(ctx context.Context, h ports.Hook, why error) error {
	if pause, ok := errors.AsType[consuming.Pause](why); ok {
		return pause
	}
	h.Paused = why.Error()
	changed, err := s.cfg.Store.ChangeHook(ctx, h)
	switch {
	case err == nil:
		s.cfg.Observer.HookSet("", changed.ID, ports.HookPausedAct, "", h.Paused)
		s.changed(ctx)
	// Otherwise somebody else has changed or removed it first.
	case !errors.Is(err, chat.Conflict) && !errors.Is(err, chat.NotFound):
		s.cfg.Observer.Fault(ctx, "pause a hook", err)
	}
	return consuming.Pause{For: lookEvery, Cause: why}
}
