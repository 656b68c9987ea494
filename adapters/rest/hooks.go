package rest

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// hookRoutes adds the routes of hooks.
func (a *API) hookRoutes(r fiber.Router) {
	r.Get("/v1/hooks", a.as(a.listHooks))
	r.Post("/v1/hooks", a.as(a.makeHook))
	r.Get("/v1/hooks/:hook", a.as(a.hook))
	r.Patch("/v1/hooks/:hook", a.as(a.changeHook))
	r.Delete("/v1/hooks/:hook", a.as(a.removeHook))
	r.Post("/v1/hooks/:hook/seek", a.as(a.seekHook))
	r.Post("/v1/hooks/:hook/skip", a.as(a.skipHook))
	r.Get("/v1/hooks/:hook/behind", a.as(a.hookBehind))
	r.Get("/v1/hooks/:hook/entries", a.pulls(a.pullHook))
	r.Post("/v1/hooks/:hook/ack", a.pulls(a.ackHook))
	r.Get("/v1/rooms/:room/hooks", a.as(a.listHooks))
	r.Post("/v1/rooms/:room/hooks", a.as(a.makeHook))
}

// hook is a hook as it is shown.
type hook struct {
	Hook   chat.HookID        `json:"hook"`
	Room   chat.RoomID        `json:"room,omitempty"`
	Kind   ports.HookKind     `json:"kind"`
	URL    string             `json:"url,omitempty"`
	Rooms  []chat.RoomPattern `json:"rooms,omitempty"`
	Types  []string           `json:"types,omitempty"`
	Own    bool               `json:"own"`
	Batch  int                `json:"batch"`
	WaitMS int64              `json:"wait_ms"`
	Bot    hookBot            `json:"bot"`
	Role   string             `json:"role"`
	Paused bool               `json:"paused"`
	Why    string             `json:"why,omitempty"`
	From   string             `json:"from"`
	By     chat.UserID        `json:"by"`
	MadeAt string             `json:"made_at"`
	Secret string             `json:"secret,omitempty"`
}

type hookBot struct {
	ID   chat.UserID `json:"id"`
	Name string      `json:"name,omitempty"`
}

func viewHook(h ports.Hook) hook {
	shown := hook{
		Hook: h.ID, Room: h.Room, Kind: h.Kind, URL: h.URL, Rooms: h.Filter.Rooms, Types: h.Filter.Types, Own: h.Filter.Own, Batch: h.Filter.Batch,
		WaitMS: h.Filter.Wait.Milliseconds(), Bot: hookBot{h.Bot.ID, h.Bot.Name}, Role: h.Role.String(), Paused: h.Paused != "", Why: h.Paused,
		From: "start", By: h.By, MadeAt: h.MadeAt.UTC().Format(wire.TimeLayout),
	}
	if !h.From.IsZero() {
		shown.From = h.From.UTC().Format(wire.TimeLayout)
	}
	return shown
}

// hookID returns the hook of the path.
func (r *request) hookID() (chat.HookID, error) {
	s, err := r.param("hook")
	if err != nil {
		return "", err
	}
	return chat.ParseHookID(s)
}

// hookRoom returns the room of the path, or nothing on the routes that have none.
func (r *request) hookRoom() (chat.RoomID, error) {
	if r.Params("room") == "" {
		return "", nil
	}
	return r.room()
}

func (a *API) listHooks(r *request) error {
	room, err := r.hookRoom()
	if err != nil {
		return err
	}
	list, err := a.cfg.Hooks.ListHooks(r.ctx, r.by, room)
	if err != nil {
		return err
	}
	hooks := make([]hook, len(list))
	for i, h := range list {
		hooks[i] = viewHook(h)
	}
	return r.encode(fiber.StatusOK, struct {
		Hooks []hook `json:"hooks"`
	}{hooks})
}

func (a *API) makeHook(r *request) error {
	room, err := r.hookRoom()
	if err != nil {
		return err
	}
	o, err := r.object()
	if err != nil {
		return err
	}
	wish, err := o.hookWish()
	if err != nil {
		return err
	}
	wish.Room = room
	made, err := a.cfg.Hooks.NewHook(r.ctx, r.by, wish)
	if err != nil {
		return err
	}
	shown := viewHook(made.Hook)
	shown.Secret = made.Secret
	r.Set(fiber.HeaderLocation, "/v1/hooks/"+string(made.ID))
	return r.encode(fiber.StatusCreated, shown)
}

// hookWish returns what the body asks to be made.
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

// hookFrom returns where a hook begins: from now on, unless the body says otherwise. A time may
// stand in an object, too: {"at":…}.
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

// hookBot returns the user that speaks for the hook, or nobody where it is to have one of its own.
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

// time returns a member that is a time, or nil where it is not there.
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

// hookChange returns what the body sets of a hook.
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

// whole returns a member that is a whole number, or nil where it is not there.
func (o object) whole(name string, low, high int64) (*int64, error) {
	n, there, err := o.Whole(name, low, high)
	if err != nil || !there {
		return nil, err
	}
	return &n, nil
}

func (a *API) hook(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	h, err := a.cfg.Hooks.Hook(r.ctx, r.by, id)
	if err != nil {
		return err
	}
	return r.encode(fiber.StatusOK, viewHook(h))
}

// fixed are what a hook keeps for as long as it lives.
var fixed = []string{"kind", "rooms", "from", "bot"}

func (a *API) changeHook(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	o, err := r.object()
	if err != nil {
		return err
	}
	for _, name := range fixed {
		if o.Has(name) {
			return chat.Errorf(chat.Invalid, "%s cannot be changed: make another hook", name)
		}
	}
	change, err := o.hookChange()
	if err != nil {
		return err
	}
	if change.Paused, err = o.Flag("paused"); err != nil {
		return err
	}
	rotate, err := o.Flag("rotate")
	if err != nil {
		return err
	}
	change.Rotate = value(rotate)
	changed, err := a.cfg.Hooks.SetHook(r.ctx, r.by, id, change)
	if err != nil {
		return err
	}
	shown := viewHook(changed.Hook)
	shown.Secret = changed.Secret
	return r.encode(fiber.StatusOK, shown)
}

func (a *API) removeHook(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	if err := a.cfg.Hooks.DropHook(r.ctx, r.by, id); err != nil {
		return err
	}
	r.Status(fiber.StatusNoContent)
	return nil
}

func (a *API) seekHook(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	o, err := r.object()
	if err != nil {
		return err
	}
	var seek ports.HookSeek
	if text, err := o.Text("room"); err != nil {
		return err
	} else if text != nil {
		if seek.Room, err = chat.ParseRoomID(*text); err != nil {
			return err
		}
	}
	after, err := o.whole("after", 0, int64(chat.MaxSeq))
	if err != nil {
		return err
	}
	if after != nil {
		seek.After = new(chat.Seq(*after))
	}
	at, err := o.time("at")
	if err != nil {
		return err
	}
	seek.At = value(at)
	if err := a.cfg.Pull.SeekHook(r.ctx, r.by, id, seek); err != nil {
		return err
	}
	r.Status(fiber.StatusNoContent)
	return nil
}

const maxWhy = 200

func (a *API) skipHook(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	o, err := r.object()
	if err != nil {
		return err
	}
	var skip ports.HookSkip
	if skip.Room, err = needed(o, "room", chat.ParseRoomID); err != nil {
		return err
	}
	if skip.To, err = o.Seq("to"); err != nil {
		return err
	}
	if skip.To == 0 {
		return chat.Errorf(chat.Invalid, "to is missing")
	}
	if skip.Why, err = needed(o, "why", parseWhy); err != nil {
		return err
	}
	if err := a.cfg.Pull.SkipHook(r.ctx, r.by, id, skip); err != nil {
		return err
	}
	r.Status(fiber.StatusNoContent)
	return nil
}

// parseWhy returns a reason for the log.
func parseWhy(s string) (string, error) {
	why, err := chat.ParseBody(s)
	if err != nil || len([]rune(why)) > maxWhy || strings.ContainsAny(why, "\n\t") {
		return "", chat.Errorf(chat.Invalid, "why must have 1 to %d characters, in one line", maxWhy)
	}
	return why, nil
}

// behindRoom is a room where a hook is behind.
type behindRoom struct {
	Room    chat.RoomID `json:"room"`
	Seq     chat.Seq    `json:"seq"`
	Head    chat.Seq    `json:"head"`
	Last    chat.Seq    `json:"last,omitempty"`
	Tries   int         `json:"tries"`
	Since   string      `json:"since,omitempty"`
	Next    string      `json:"next,omitempty"`
	Error   string      `json:"error,omitempty"`
	Stalled bool        `json:"stalled"`
}

func (a *API) hookBehind(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	limit, err := r.limit()
	if err != nil {
		return err
	}
	var after chat.RoomID
	if text := utils.CopyString(r.Query("after")); text != "" {
		if after, err = chat.ParseRoomID(text); err != nil {
			return err
		}
	}
	lag, err := a.cfg.Pull.HookBehind(r.ctx, r.by, id, after, limit)
	if err != nil {
		return err
	}
	rooms := make([]behindRoom, len(lag.Rooms))
	for i, l := range lag.Rooms {
		rooms[i] = behindRoom{
			Room: l.Room, Seq: l.Seq, Head: l.Head, Last: l.UpTo, Tries: l.Tries, Since: orNothing(l.Since), Next: orNothing(l.Next), Error: l.Error,
			Stalled: l.Stalled,
		}
	}
	return r.encode(fiber.StatusOK, struct {
		Entries  int64        `json:"entries"`
		Rooms    int          `json:"rooms"`
		Stalled  int          `json:"stalled"`
		OldestMS int64        `json:"oldest_ms"`
		Partial  bool         `json:"partial"`
		Waiting  []behindRoom `json:"waiting"`
		Next     chat.RoomID  `json:"next,omitempty"`
	}{lag.Entries, lag.Count, lag.Stalled, lag.Oldest.Milliseconds(), lag.Partial, rooms, lag.Next})
}

func orNothing(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(wire.TimeLayout)
}

// puller is a request of who pulls.
type puller struct {
	*request
	caller ports.HookCaller
}

const maxPullWait = 30 // seconds

// pulls knows who pulls: by a token, or by the hook's secret in its place.
func (a *API) pulls(handle func(*puller) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), a.cfg.Timeout+maxPullWait*time.Second)
		defer cancel()
		token, err := edge.Token(c)
		if err != nil {
			return err
		}
		p := &puller{request: &request{Ctx: c, ctx: ctx}}
		if strings.HasPrefix(token, "whsec_") {
			p.caller.Secret = utils.CopyString(token)
			return handle(p)
		}
		verifying, done := context.WithTimeout(ctx, a.cfg.Timeout)
		defer done()
		if p.caller.By, err = a.cfg.Verifier.Verify(verifying, token); err != nil {
			return err
		}
		return handle(p)
	}
}

func (a *API) pullHook(p *puller) error {
	id, err := p.hookID()
	if err != nil {
		return err
	}
	wait, err := p.number("wait", 0, maxPullWait, 0)
	if err != nil {
		return err
	}
	limit, err := p.number("limit", 1, ports.MaxHookBatch, ports.MaxHookBatch)
	if err != nil {
		return err
	}
	batches, err := a.cfg.Pull.PullHook(p.ctx, p.caller, id, time.Duration(wait)*time.Second, int(limit))
	if err != nil {
		return err
	}
	return p.answer(fiber.StatusOK, wire.AppendBatches(nil, batches))
}

func (a *API) ackHook(p *puller) error {
	id, err := p.hookID()
	if err != nil {
		return err
	}
	o, err := p.object()
	if err != nil {
		return err
	}
	batch, err := needed(o, "id", func(s string) (string, error) { return s, nil })
	if err != nil {
		return err
	}
	seq, err := a.cfg.Pull.AckHook(p.ctx, p.caller, id, ports.HookAck{ID: batch, Answer: o.Answer})
	if err != nil {
		return err
	}
	return p.encode(fiber.StatusOK, struct {
		Seq chat.Seq `json:"seq"`
	}{seq})
}
