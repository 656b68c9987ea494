package session

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

const (
	newsPause = 100 * time.Millisecond // pause between questions to the store about changed users
	newsRetry = time.Second            // pause after a question that failed
)

// watchers has the sessions that asked about users, and the users whose changes they are to be
// told. While its lock is held, no other lock is taken.
type watchers struct {
	wake chan struct{} // of capacity one: users have changed

	mu      sync.Mutex
	watched map[chat.UserID]*watched
	by      map[*session][]*watched // in the order in which they asked, the last one last
	changed map[chat.UserID]struct{}
}

// watched is a user whom somebody watches.
type watched struct {
	user    chat.UserID
	by      map[*session]struct{}
	version int64 // the version that all its watchers know, or are being told
}

func newWatchers() watchers {
	return watchers{
		wake: make(chan struct{}, 1), watched: map[chat.UserID]*watched{}, by: map[*session][]*watched{}, changed: map[chat.UserID]struct{}{},
	}
}

// add makes a session watch users. A session watches at most ports.MaxWatched users: those that it
// asked for last.
func (w *watchers) add(s *session, users []chat.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.by[s]
	for _, user := range users {
		is := w.watched[user]
		if is == nil {
			is = &watched{user: user, by: map[*session]struct{}{}}
			w.watched[user] = is
		}
		if _, already := is.by[s]; already {
			list = slices.Delete(list, slices.Index(list, is), slices.Index(list, is)+1)
		}
		is.by[s] = struct{}{}
		list = append(list, is)
	}
	if more := len(list) - ports.MaxWatched; more > 0 {
		for _, is := range list[:more] {
			w.leave(is, s)
		}
		list = slices.Clone(list[more:])
	}
	w.by[s] = list
}

// leave makes a session stop watching a user. w.mu is held.
func (w *watchers) leave(is *watched, s *session) {
	delete(is.by, s)
	if len(is.by) == 0 {
		delete(w.watched, is.user)
		delete(w.changed, is.user)
	}
}

// drop forgets a session.
func (w *watchers) drop(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, is := range w.by[s] {
		w.leave(is, s)
	}
	delete(w.by, s)
}

// read notes the versions of the profiles in an answer. If one is newer than what other watchers
// know, they will be told.
func (w *watchers) read(profiles []chat.Profile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range profiles {
		switch is := w.watched[p.User]; {
		case is == nil || p.Version <= is.version:
		case len(is.by) == 1:
			is.version = p.Version
		default:
			w.change(p.User)
		}
	}
}

// hear takes a notice that a user has changed.
func (w *watchers) hear(n ports.ProfileChanged) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if is := w.watched[n.User]; is != nil && n.Version > is.version {
		w.change(n.User)
	}
}

// doubt marks all watched users as perhaps changed, as notices may have been missed.
func (w *watchers) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for user := range w.watched {
		w.change(user)
	}
}

// change marks a user as perhaps changed. w.mu is held.
func (w *watchers) change(user chat.UserID) {
	w.changed[user] = struct{}{}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns some of the users that are marked.
func (w *watchers) take() (users []chat.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for user := range w.changed {
		if len(users) == ports.MaxUsers {
			break
		}
		users = append(users, user)
		delete(w.changed, user)
	}
	return users
}

// back marks users again whose profiles could not be read.
func (w *watchers) back(users []chat.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, user := range users {
		if w.watched[user] != nil {
			w.change(user)
		}
	}
}

// tells returns the sessions that are to be told of a profile. There are none if they know that
// version.
func (w *watchers) tells(p *chat.Profile) (sessions []*session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	is := w.watched[p.User]
	if is == nil || p.Version <= is.version {
		return nil
	}
	is.version = p.Version
	for s := range is.by {
		sessions = append(sessions, s)
	}
	return sessions
}

// tellNews tells sessions about users who have changed, until ctx ends. They get the latest
// profile.
func (h *Hub) tellNews(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.watchers.wake:
		}
		for users := h.watchers.take(); len(users) > 0; users = h.watchers.take() {
			pause := newsPause
			if err := h.tellNewsOf(ctx, users); err != nil {
				h.watchers.back(users)
				pause = newsRetry
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	}
}

func (h *Hub) tellNewsOf(ctx context.Context, users []chat.UserID) error {
	within, cancel := context.WithTimeout(ctx, feed.StoreTime)
	defer cancel()
	profiles, err := h.cfg.Profiles.Known(within, users)
	if err != nil {
		if ctx.Err() == nil {
			h.cfg.Observer.Fault(ctx, "read who has changed", err)
		}
		return err
	}
	for i := range profiles {
		p := &profiles[i]
		sessions := h.watchers.tells(p)
		if len(sessions) == 0 {
			continue
		}
		frame := h.cfg.Encoder.Frame(nil, ports.ProfileFrame{Profile: *p})
		for _, s := range sessions {
			s.Lock()
			s.Signal(chat.Signal{User: p.User, Kind: chat.SignalProfile}, frame)
			s.Unlock()
		}
	}
	return nil
}

// users answers with profiles, and makes sure that the session is told when they change. It begins
// to watch before it reads, so it misses no change in between.
func (s *session) users(ctx context.Context, id string, ask ports.Users) error {
	if s.hub.cfg.Profiles == nil {
		return chat.Errorf(chat.UnknownType, "there is no type %q", ports.NameOf(ask))
	}
	s.hub.watchers.add(s, ask.IDs)
	page, err := s.hub.cfg.Profiles.Profiles(ctx, s.who(), ask.IDs)
	if err != nil {
		return err
	}
	s.hub.watchers.read(page.Users)
	s.ok(id, page)
	return nil
}
