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
	newsPause = 100 * time.Millisecond // between questions to the store of who has changed
	newsRetry = time.Second            // after one that failed
)

// watchers are the sessions that asked about users, and the users of whom they are to be told.
// Nothing is locked under its lock.
type watchers struct {
	wake chan struct{} // holds one: there are changes

	mu      sync.Mutex
	watched map[chat.UserID]*watched
	by      map[*session][]*watched // in the order in which they asked, the last one last
	changed map[chat.UserID]struct{}
}

// watched is a user whom somebody watches.
type watched struct {
	user    chat.UserID
	by      map[*session]struct{}
	version int64 // that all who watch know, or are being told
}

func newWatchers() watchers {
	return watchers{
		wake: make(chan struct{}, 1), watched: map[chat.UserID]*watched{}, by: map[*session][]*watched{}, changed: map[chat.UserID]struct{}{},
	}
}

// add has a session watch users. Of more than ports.MaxWatched it watches those that it asked for
// last.
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

// leave has a session watch a user no longer. w.mu is held.
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

// read takes which versions an answer has. One that is younger than what the others know is news
// for them.
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

// hear takes that a user has changed.
func (w *watchers) hear(n ports.ProfileChanged) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if is := w.watched[n.User]; is != nil && n.Version > is.version {
		w.change(n.User)
	}
}

// doubt has all who are watched looked at: changes may have been missed.
func (w *watchers) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for user := range w.watched {
		w.change(user)
	}
}

// change has a user looked at. w.mu is held.
func (w *watchers) change(user chat.UserID) {
	w.changed[user] = struct{}{}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns some of those who are to be looked at.
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

// back puts those back who could not be looked at.
func (w *watchers) back(users []chat.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, user := range users {
		if w.watched[user] != nil {
			w.change(user)
		}
	}
}

// tells returns who is to be told of a profile: nobody where it is no news.
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

// tellNews tells sessions of users who have changed, until ctx ends: of the latest that there is.
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

// users answers with profiles, and has the session told when they change. It watches before it
// reads: so it misses none between the two.
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
