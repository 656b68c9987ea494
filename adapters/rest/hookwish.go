package rest

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// hookWish returns the hook that the body asks for.
func (o object) hookWish() (w ports.HookWish, err error) {
	if w.Kind, w.URL, err = o.hookKind(); err != nil {
		return w, err
	}
	rooms, err := o.Texts("rooms")
	if err != nil {
		return w, err
	}
	if len(rooms) > ports.MaxHookRooms {
		return w, chat.Errorf(chat.Invalid, "rooms must have 1 to %d patterns", ports.MaxHookRooms)
	}
	for _, text := range rooms {
		pattern, err := chat.ParseRoomPattern(text)
		if err != nil {
			return w, err
		}
		w.Filter.Rooms = append(w.Filter.Rooms, pattern)
	}
	change, err := o.hookChange()
	if err != nil {
		return w, err
	}
	w.Filter.Types, w.Filter.Own = value(change.Types), value(change.Own)
	w.Filter.Batch, w.Filter.Wait, w.Role = value(change.Batch), value(change.Wait), value(change.Role)
	w.Pair, w.Signals = value(change.Pair), value(change.Signals)
	if w.Now, w.From, err = o.hookFrom(); err != nil {
		return w, err
	}
	w.Bot, err = o.hookBot()
	return w, err
}

func (o object) hookKind() (kind ports.HookKind, url string, err error) {
	text, err := o.Text("kind")
	if err != nil {
		return "", "", err
	}
	to, err := o.Text("url")
	if err != nil {
		return "", "", err
	}
	switch {
	case text == nil && to == nil:
		return "", "", chat.Errorf(chat.Invalid, "url is missing; a hook that pulls has the kind pull")
	case text == nil || *text == string(ports.HookPush):
		return ports.HookPush, value(to), nil
	case *text == string(ports.HookPull):
		return ports.HookPull, value(to), nil
	}
	return "", "", chat.Errorf(chat.Invalid, "kind must be push or pull")
}

var errFrom = chat.Errorf(chat.Invalid, `from must be "now", "start", or a time such as 2026-11-23T12:00:00Z`)

// hookFrom returns where a hook begins: from now on, unless the body says otherwise. The time may
// also be in an object: {"at":…}.
func (o object) hookFrom() (now bool, at time.Time, err error) {
	if inner, err := o.Object("from"); err == nil && inner != nil {
		from, err := object{inner}.time("at")
		if err != nil || from == nil {
			return false, at, errFrom
		}
		return false, *from, nil
	}
	text, err := o.Text("from")
	switch {
	case err != nil:
		return false, at, errFrom
	case text == nil || *text == "now":
		return true, at, nil
	case *text == "start":
		return false, at, nil
	}
	from, err := o.time("from")
	if err != nil {
		return false, at, errFrom
	}
	return false, *from, nil
}

// hookBot returns the user who is the hook's bot, or nobody if the hook is to get a bot of its own.
func (o object) hookBot() (bot chat.Author, err error) {
	inner, err := o.Object("bot")
	if err != nil || inner == nil {
		return bot, err
	}
	id, err := inner.Text("id")
	if err != nil {
		return bot, err
	}
	if id != nil {
		if bot.ID, err = chat.ParseUserID(*id); err != nil {
			return bot, err
		}
	}
	name, err := object{inner}.name()
	bot.Name = value(name)
	return bot, err
}

// time returns a member that is a time, or nil if it is missing.
func (o object) time(name string) (*time.Time, error) {
	text, err := o.Text(name)
	if err != nil || text == nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339Nano, *text)
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		return nil, chat.Errorf(chat.Invalid, "%s must be a time such as 2026-11-23T12:00:00Z", name)
	}
	at = at.UTC()
	return &at, nil
}

// hookChange returns what the body changes in a hook.
func (o object) hookChange() (c ports.HookChange, err error) {
	if c.URL, err = o.Text("url"); err != nil {
		return c, err
	}
	types, err := o.Texts("types")
	if err != nil {
		return c, err
	}
	if types != nil {
		c.Types = &types
	}
	if c.Own, err = o.Flag("own"); err != nil {
		return c, err
	}
	if c.Pair, err = o.Flag("ed25519"); err != nil {
		return c, err
	}
	if c.Signals, err = o.Flag("signals"); err != nil {
		return c, err
	}
	batch, err := o.whole("batch", 1, ports.MaxHookBatch)
	if err != nil {
		return c, err
	}
	if batch != nil {
		c.Batch = new(int(*batch))
	}
	wait, err := o.whole("wait_ms", 0, ports.MaxHookWait.Milliseconds())
	if err != nil {
		return c, err
	}
	if wait != nil {
		c.Wait = new(time.Duration(*wait) * time.Millisecond)
	}
	role, err := o.Text("role")
	if err != nil {
		return c, err
	}
	if role != nil {
		is, err := chat.ParseRole(*role)
		if err != nil || is == chat.Read {
			return c, chat.Errorf(chat.Invalid, "role must be write or moderate")
		}
		c.Role = &is
	}
	return c, nil
}

// whole returns a member that is a whole number, or nil if it is missing.
func (o object) whole(name string, low, high int64) (*int64, error) {
	n, there, err := o.Whole(name, low, high)
	if err != nil || !there {
		return nil, err
	}
	return &n, nil
}
