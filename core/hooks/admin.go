package hooks

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var (
	errNoKeys = chat.Errorf(chat.Conflict, "the service has no key to encrypt the secrets of hooks: its operator must set PARLEY_HOOKS_KEY")
	errAdmins = chat.Errorf(chat.Forbidden, "this needs a token with the scope chat:admin; a moderator of a room may make hooks for it")
)

// NewHook implements ports.HookAdmin.
func (s *Service) NewHook(ctx context.Context, by chat.Identity, wish ports.HookWish) (ports.HookMade, error) {
	if err := s.cfg.Limiter.Charge(by); err != nil {
		return ports.HookMade{}, err
	}
	granted, err := s.mayMake(ctx, by, wish.Room)
	if err != nil {
		return ports.HookMade{}, err
	}
	h := ports.Hook{
		ID: chat.NewHookID(), Room: wish.Room, Kind: wish.Kind, URL: wish.URL, Filter: wish.Filter, Bot: wish.Bot, Role: wish.Role, From: wish.From,
		By: by.User, Granted: granted,
	}
	if h.Role == chat.None {
		h.Role = chat.Write
	}
	switch {
	case h.Bot.ID == "":
		h.Bot.ID = chat.UserID(botPrefix + string(h.ID))
	case h.Room != "":
		return ports.HookMade{}, chat.Errorf(chat.Invalid, "bot must not be given for a hook of a room: it has one of its own")
	}
	if err := s.check(&h); err != nil {
		return ports.HookMade{}, err
	}
	if s.cfg.Keys == nil {
		return ports.HookMade{}, errNoKeys
	}
	fresh, shown := newSecret()
	h.Secrets = s.cfg.Keys.seal(ofSecrets(h.ID), []secret{fresh})
	if wish.Pair {
		if err := s.pair(&h); err != nil {
			return ports.HookMade{}, err
		}
	}
	if wish.Signals {
		h.Signals = true
		if err := s.maySignal(&h, true); err != nil {
			return ports.HookMade{}, err
		}
	}
	made, err := s.cfg.Store.MakeHook(ctx, h, wish.Now)
	if err != nil {
		return ports.HookMade{}, err
	}
	s.cfg.Observer.HookSet(by.User, made.ID, ports.HookMadeAct, made.Room, "")
	s.changed(ctx)
	return ports.HookMade{Hook: s.public(made), Secret: shown}, nil
}

// public returns a hook as it is shown: without its secrets, and with the failures of its
// deliveries on this node.
func (s *Service) public(h ports.Hook) ports.Hook {
	signed, err := s.parcel(h)
	if err != nil {
		h.Error = err.Error()
	}
	h.PublicKeys = publicKeys(signed.Keys)
	h.Secrets, h.Keys = nil, nil
	return h
}

var errNoPairs = chat.Errorf(chat.Conflict, "not all nodes of the service can sign with a key pair yet: ask again once they are updated")

// pair gives a hook a new key pair.
func (s *Service) pair(h *ports.Hook) error {
	switch {
	case s.cfg.Keys == nil:
		return errNoKeys
	case !s.cfg.Has(ports.FeatureHookKeys):
		return errNoPairs
	case h.Kind == ports.HookPull:
		return chat.Errorf(chat.Invalid, "ed25519 must not be given for a hook that pulls: nothing is signed for it")
	}
	h.Keys = s.cfg.Keys.seal(ofPairs(h.ID), []secret{newPair()})
	return nil
}

var errNoSignals = chat.Errorf(chat.Conflict, "not all nodes of the service can post signals yet: ask again once they are updated")

// maySignal returns why a hook that asks for signals may not have them. news says that it did not
// have them before.
func (s *Service) maySignal(h *ports.Hook, news bool) error {
	types := h.Filter.Types
	isSignal := func(t string) bool { return slices.Contains(signalTypes, t) }
	switch {
	case news && !s.cfg.Has(ports.FeatureHookSignals):
		return errNoSignals
	case h.Kind == ports.HookPull:
		return chat.Errorf(chat.Invalid, "signals must not be given for a hook that pulls: they are not kept")
	case len(types) > 0 && !slices.ContainsFunc(types, isSignal):
		return chat.Errorf(chat.Invalid, "types must have one of %s for a hook that is told signals, or no type at all", strings.Join(signalTypes, ", "))
	}
	return nil
}

// check checks a hook against the rules, and fills in what is not set.
func (s *Service) check(h *ports.Hook) error {
	f := &h.Filter
	if f.Batch == 0 {
		f.Batch = ports.MaxHookBatch
	}
	switch {
	case h.Kind == ports.HookPull && h.URL != "":
		return chat.Errorf(chat.Invalid, "url must not be given for a hook that pulls")
	case h.Kind == ports.HookPush && h.URL == "":
		return chat.Errorf(chat.Invalid, "url is missing")
	case h.Room != "" && len(f.Rooms) > 0:
		return chat.Errorf(chat.Invalid, "rooms must not be given for a hook of a room")
	case h.Room == "" && (len(f.Rooms) == 0 || len(f.Rooms) > ports.MaxHookRooms):
		return chat.Errorf(chat.Invalid, "rooms must have 1 to %d patterns", ports.MaxHookRooms)
	case len(f.Types) > ports.MaxHookTypes:
		return chat.Errorf(chat.Invalid, "types must have at most %d types", ports.MaxHookTypes)
	case slices.ContainsFunc(f.Types, badType):
		return chat.Errorf(chat.Invalid, "types must have types of 1 to 64 characters without control characters")
	case f.Batch < 1 || f.Batch > ports.MaxHookBatch:
		return chat.Errorf(chat.Invalid, "batch must be a whole number from 1 to %d", ports.MaxHookBatch)
	case f.Wait < 0 || f.Wait > ports.MaxHookWait:
		return chat.Errorf(chat.Invalid, "wait_ms must be a whole number from 0 to %d", ports.MaxHookWait.Milliseconds())
	case !h.Role.May(chat.Write):
		return chat.Errorf(chat.Invalid, "role must be write or moderate")
	}
	if h.Kind == ports.HookPush {
		return s.cfg.Courier.CheckURL(h.URL)
	}
	return nil
}

func badType(t string) bool {
	return t == "" || utf8.RuneCountInString(t) > 64 || !utf8.ValidString(t) || strings.ContainsFunc(t, unicode.IsControl)
}

// mayMake reports whether by may manage hooks of a room, or hooks of all rooms if room is empty.
// granted says that by moderates the room by their token, and not as a member. If by may not, the
// error tells no more of the room than any other request would.
func (s *Service) mayMake(ctx context.Context, by chat.Identity, room chat.RoomID) (granted bool, err error) {
	if room == "" {
		if !by.Admin {
			return false, errAdmins
		}
		return true, nil
	}
	places, err := s.cfg.Directory.Places(ctx, []ports.Place{{Room: room, User: by.User}})
	if err != nil {
		return false, err
	}
	st := places[0]
	if st.Room.ID == "" {
		return false, chat.NoRoom(room)
	}
	if _, err := by.In(room).Entitle(st.Room, st.Member, chat.Moderate); err != nil {
		return false, err
	}
	return !st.Member.Role.May(chat.Moderate), nil
}

// own returns a hook that by may manage. To others it does not exist.
func (s *Service) own(ctx context.Context, by chat.Identity, id chat.HookID) (ports.Hook, error) {
	if err := s.cfg.Limiter.Charge(by); err != nil {
		return ports.Hook{}, err
	}
	h, err := s.hook(ctx, id)
	if err != nil || by.Admin {
		return h, err
	}
	if h.Room == "" {
		return ports.Hook{}, ports.NoHook(id)
	}
	if _, err := s.mayMake(ctx, by, h.Room); err != nil {
		if kind := chat.AsError(err).Kind; kind == chat.NotFound || kind == chat.Forbidden {
			err = ports.NoHook(id)
		}
		return ports.Hook{}, err
	}
	return h, nil
}

// ListHooks implements ports.HookAdmin.
func (s *Service) ListHooks(ctx context.Context, by chat.Identity, room chat.RoomID) ([]ports.Hook, error) {
	if err := s.cfg.Limiter.Charge(by); err != nil {
		return nil, err
	}
	if _, err := s.mayMake(ctx, by, room); err != nil {
		return nil, err
	}
	all, err := s.cfg.Store.AllHooks(ctx)
	if err != nil {
		return nil, err
	}
	list := []ports.Hook{}
	for _, h := range all {
		if room == "" || h.Room == room {
			list = append(list, s.public(h))
		}
	}
	return list, nil
}

// Hook implements ports.HookAdmin.
func (s *Service) Hook(ctx context.Context, by chat.Identity, id chat.HookID) (ports.Hook, error) {
	h, err := s.own(ctx, by, id)
	if err != nil {
		return ports.Hook{}, err
	}
	return s.public(h), nil
}

// SetHook implements ports.HookAdmin.
func (s *Service) SetHook(ctx context.Context, by chat.Identity, id chat.HookID, change ports.HookChange) (ports.HookMade, error) {
	h, err := s.own(ctx, by, id)
	if err != nil {
		return ports.HookMade{}, err
	}
	before := h
	acts := apply(&h, by, change)
	if err := s.check(&h); err != nil {
		return ports.HookMade{}, err
	}
	if h.Signals && (change.Types != nil || change.Signals != nil) {
		if err := s.maySignal(&h, !before.Signals); err != nil {
			return ports.HookMade{}, err
		}
	}
	if pair := change.Pair; pair != nil && *pair != (len(h.Keys) > 0) {
		act := ports.HookUnpairedAct
		if h.Keys = nil; *pair {
			act = ports.HookPairedAct
			if err := s.pair(&h); err != nil {
				return ports.HookMade{}, err
			}
		}
		acts = append(acts, act)
	}
	shown := ""
	if change.Rotate {
		if shown, err = s.rotate(&h); err != nil {
			return ports.HookMade{}, err
		}
		acts = append(acts, ports.HookRotatedAct)
	}
	if len(acts) == 0 {
		return ports.HookMade{Hook: s.public(h)}, nil
	}
	if h, err = s.cfg.Store.ChangeHook(ctx, h); err != nil {
		return ports.HookMade{}, err
	}
	for _, act := range acts {
		s.cfg.Observer.HookSet(by.User, id, act, "", "")
	}
	if h.URL != before.URL || slices.Contains(acts, ports.HookResumedAct) {
		// A retry time that another endpoint asked for does not count any more.
		// If this fails, the rooms are tried later.
		if err := s.cfg.Runner.Hasten(ctx, nameOf(h), h.URL != before.URL); err != nil {
			s.cfg.Observer.Fault(ctx, "try the rooms of a hook soon", err)
		}
	}
	s.changed(ctx)
	return ports.HookMade{Hook: s.public(h), Secret: shown}, nil
}

// apply makes the requested changes to a hook, and returns what was done.
func apply(h *ports.Hook, by chat.Identity, change ports.HookChange) (acts []ports.HookAct) {
	before := *h
	set(&h.URL, change.URL)
	set(&h.Filter.Types, change.Types)
	set(&h.Filter.Own, change.Own)
	set(&h.Filter.Batch, change.Batch)
	set(&h.Filter.Wait, change.Wait)
	set(&h.Role, change.Role)
	set(&h.Signals, change.Signals)
	if h.URL != before.URL || !sameFilter(h.Filter, before.Filter) || h.Role != before.Role || h.Signals != before.Signals {
		acts = append(acts, ports.HookChangedAct)
	}
	switch {
	case change.Paused == nil || *change.Paused == (h.Paused != ""):
	case *change.Paused:
		h.Paused = "paused by " + string(by.User)
		acts = append(acts, ports.HookPausedAct)
	default:
		h.Paused = ""
		acts = append(acts, ports.HookResumedAct)
	}
	return acts
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func sameFilter(a, b ports.HookFilter) bool {
	return slices.Equal(a.Types, b.Types) && a.Own == b.Own && a.Batch == b.Batch && a.Wait == b.Wait
}

// rotate gives a hook a new secret, and returns the text that is shown. It does the same with the
// key pair of a hook that has one. An old secret that no key can open any more is dropped.
func (s *Service) rotate(h *ports.Hook) (shown string, err error) {
	if s.cfg.Keys == nil {
		return "", errNoKeys
	}
	now := time.Now()
	secrets, err := s.cfg.Keys.open(ofSecrets(h.ID), h.Secrets)
	if err != nil {
		secrets = nil
	}
	fresh, shown := newSecret()
	h.Secrets = s.cfg.Keys.seal(ofSecrets(h.ID), rotated(secrets, fresh, now))
	if len(h.Keys) > 0 {
		pairs, err := s.cfg.Keys.openPairs(h.ID, h.Keys)
		if err != nil {
			pairs = nil
		}
		h.Keys = s.cfg.Keys.seal(ofPairs(h.ID), rotated(pairs, newPair(), now))
	}
	return shown, nil
}

// DropHook implements ports.HookAdmin. If it ends early, the rest of the hook's cursors is dropped
// later.
func (s *Service) DropHook(ctx context.Context, by chat.Identity, id chat.HookID) error {
	h, err := s.own(ctx, by, id)
	if err != nil {
		return err
	}
	if err := s.cfg.Store.RemoveHook(ctx, id); err != nil {
		return err
	}
	s.cfg.Observer.HookSet(by.User, id, ports.HookRemovedAct, h.Room, "")
	s.cfg.Runner.Remove(nameOf(h))
	s.changed(ctx)
	if err := s.cfg.Runner.Forget(ctx, nameOf(h)); err != nil {
		s.cfg.Observer.Fault(ctx, "forget a hook", err)
	}
	return nil
}
