package hooks

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// SeekHook implements ports.HookCursors.
func (s *Service) SeekHook(ctx context.Context, by chat.Identity, id chat.HookID, seek ports.HookSeek) error {
	h, err := s.own(ctx, by, id)
	if err != nil {
		return err
	}
	switch {
	case seek.After != nil && !seek.At.IsZero():
		return chat.Errorf(chat.Invalid, "after and at exclude each other")
	case seek.Room == "" && seek.After != nil:
		return chat.Errorf(chat.Invalid, "after needs a room")
	case seek.Room == "":
		return s.seekAll(ctx, by, h, seek.At)
	case !follows(roomsOf(h), seek.Room):
		return chat.Errorf(chat.Invalid, "room must be one that the hook follows")
	}
	switch {
	case seek.After != nil:
		err = s.cfg.Runner.Seek(ctx, nameOf(h), seek.Room, *seek.After)
	case seek.At.IsZero():
		err = s.cfg.Runner.Seek(ctx, nameOf(h), seek.Room, 0)
	default:
		err = s.cfg.Runner.SeekTime(ctx, nameOf(h), seek.Room, seek.At)
	}
	if err != nil {
		return err
	}
	s.cfg.Observer.HookSet(by.User, id, ports.HookSoughtAct, seek.Room, "")
	s.nudges.give(id, seek.Room)
	return nil
}

// seekAll makes a hook begin anew in all of its rooms, as another consumer without cursors. A time
// in the future counts as now.
func (s *Service) seekAll(ctx context.Context, by chat.Identity, h ports.Hook, at time.Time) error {
	before := nameOf(h)
	h.From, h.Epoch = at, h.Epoch+1
	if _, err := s.cfg.Store.ChangeHook(ctx, h); err != nil {
		return err
	}
	s.cfg.Observer.HookSet(by.User, h.ID, ports.HookSoughtAct, "", "")
	s.cfg.Runner.Remove(before)
	s.changed(ctx)
	if err := s.cfg.Runner.Forget(ctx, before); err != nil { // the rest is dropped later
		s.cfg.Observer.Fault(ctx, "forget where a hook was", err)
	}
	return nil
}

// head returns the last entry of a room, or NotFound if the room does not exist.
func (s *Service) head(ctx context.Context, room chat.RoomID) (chat.Seq, error) {
	heads, err := s.cfg.Log.Heads(ctx, []chat.RoomID{room})
	if err != nil {
		return 0, err
	}
	head, there := heads[room]
	if !there {
		return 0, chat.NoRoom(room)
	}
	return head, nil
}

// cursor returns a hook's cursor in a room. there is false if it has none.
func (s *Service) cursor(ctx context.Context, h ports.Hook, room chat.RoomID) (at ports.Cursor, there bool, err error) {
	all, err := s.cfg.Cursors.Load(ctx, []chat.RoomID{room})
	if err != nil {
		return at, false, err
	}
	for _, c := range all {
		if c.Consumer == nameOf(h) {
			return c, true, nil
		}
	}
	return at, false, nil
}

// SkipHook implements ports.HookCursors.
func (s *Service) SkipHook(ctx context.Context, by chat.Identity, id chat.HookID, skip ports.HookSkip) error {
	h, err := s.own(ctx, by, id)
	if err != nil {
		return err
	}
	if !follows(roomsOf(h), skip.Room) {
		return chat.Errorf(chat.Invalid, "room must be one that the hook follows")
	}
	head, err := s.head(ctx, skip.Room)
	switch {
	case err != nil:
		return err
	case skip.To > head:
		return chat.Errorf(chat.Conflict, "to is %d, but the last entry of %s is %d", skip.To, skip.Room, head)
	}
	if err := s.cfg.Runner.Skip(ctx, nameOf(h), skip.Room, skip.To); err != nil {
		return err
	}
	s.cfg.Observer.HookSet(by.User, id, ports.HookSkippedAct, skip.Room, skip.Why)
	s.nudges.give(id, skip.Room)
	return nil
}

// RetryHook implements ports.HookCursors.
func (s *Service) RetryHook(ctx context.Context, by chat.Identity, id chat.HookID, room chat.RoomID) error {
	h, err := s.own(ctx, by, id)
	switch {
	case err != nil:
		return err
	case room != "" && !follows(roomsOf(h), room):
		return chat.Errorf(chat.Invalid, "room must be one that the hook follows")
	case h.Paused != "":
		return chat.Errorf(chat.Conflict, "the hook is paused: resume it")
	}
	if err := s.cfg.Runner.Retry(ctx, nameOf(h), room); err != nil {
		return err
	}
	s.cfg.Observer.HookSet(by.User, id, ports.HookRetriedAct, room, "")
	return nil
}

// HookBehind implements ports.HookCursors.
func (s *Service) HookBehind(ctx context.Context, by chat.Identity, id chat.HookID, after chat.RoomID, limit int) (lag ports.HookLag, err error) {
	h, err := s.own(ctx, by, id)
	if err != nil {
		return lag, err
	}
	if lag.Rooms, lag.Next, err = s.stuck(ctx, h, after, limit); err != nil {
		return lag, err
	}
	behind, err := s.cfg.Runner.Behind(ctx, nameOf(h))
	switch {
	case err == nil:
		lag.Entries, lag.Count, lag.Stalled, lag.Oldest, lag.Partial = behind.Entries, behind.Rooms, behind.Stalled, behind.Oldest, behind.Partial
	case chat.AsError(err).Kind == chat.NotFound: // this node has not heard of it yet
		lag.Partial = true
	default:
		return lag, err
	}
	return lag, nil
}

// stuck returns the rooms where a hook waits to try again, or has stalled.
func (s *Service) stuck(ctx context.Context, h ports.Hook, after chat.RoomID, limit int) (rooms []ports.HookRoomLag, next chat.RoomID, err error) {
	list, err := s.cfg.Consumers.Stuck(ctx, nameOf(h), after, limit)
	if err != nil || len(list) == 0 {
		return nil, "", err
	}
	ids := make([]chat.RoomID, len(list))
	for i := range list {
		ids[i] = list[i].Room
	}
	heads, err := s.cfg.Log.Heads(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	if len(list) == limit {
		next = ids[limit-1]
	}
	for _, c := range list {
		l := ports.HookRoomLag{
			Room: c.Room, Seq: c.Seq, Head: max(heads[c.Room], c.Seq), UpTo: c.UpTo, Tries: c.Tries, Since: c.Since, Next: c.Next, Error: c.Error,
			Stalled: c.Stalled,
		}
		if l.Head > l.Seq { // otherwise all was taken, only not noted yet
			rooms = append(rooms, l)
		}
	}
	return rooms, next, nil
}
