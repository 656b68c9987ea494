package rest

import (
	"time"

	"github.com/gofiber/fiber/v2"

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
	r.Post("/v1/hooks/:hook/test", a.asFor(a.cfg.Timeout+maxTestWait, a.testHook))
	r.Post("/v1/hooks/:hook/seek", a.as(a.seekHook))
	r.Post("/v1/hooks/:hook/skip", a.as(a.skipHook))
	r.Post("/v1/hooks/:hook/retry", a.as(a.retryHook))
	r.Get("/v1/hooks/:hook/behind", a.as(a.hookBehind))
	r.Get("/v1/hooks/:hook/entries", a.pulls(a.pullHook))
	r.Post("/v1/hooks/:hook/ack", a.pulls(a.ackHook))
	r.Get("/v1/rooms/:room/hooks", a.as(a.listHooks))
	r.Post("/v1/rooms/:room/hooks", a.as(a.makeHook))
}

// hook is the JSON form of a hook.
type hook struct {
	Hook    chat.HookID        `json:"hook"`
	Room    chat.RoomID        `json:"room,omitempty"`
	Kind    ports.HookKind     `json:"kind"`
	URL     string             `json:"url,omitempty"`
	Rooms   []chat.RoomPattern `json:"rooms,omitempty"`
	Types   []string           `json:"types,omitempty"`
	Own     bool               `json:"own"`
	Signals bool               `json:"signals"`
	Batch   int                `json:"batch"`
	WaitMS  int64              `json:"wait_ms"`
	Bot     hookBot            `json:"bot"`
	Role    string             `json:"role"`
	Paused  bool               `json:"paused"`
	Why     string             `json:"why,omitempty"`
	Error   string             `json:"error,omitempty"`
	From    string             `json:"from"`
	By      chat.UserID        `json:"by"`
	MadeAt  string             `json:"made_at"`
	Keys    []string           `json:"public_keys,omitempty"`
	Secret  string             `json:"secret,omitempty"`
}

type hookBot struct {
	ID   chat.UserID `json:"id"`
	Name string      `json:"name,omitempty"`
}

func viewHook(h ports.Hook) hook {
	shown := hook{
		Hook: h.ID, Room: h.Room, Kind: h.Kind, URL: h.URL, Rooms: h.Filter.Rooms, Types: h.Filter.Types, Own: h.Filter.Own, Signals: h.Signals, Batch: h.Filter.Batch,
		WaitMS: h.Filter.Wait.Milliseconds(), Bot: hookBot{h.Bot.ID, h.Bot.Name}, Role: h.Role.String(), Paused: h.Paused != "", Why: h.Paused, Error: h.Error,
		Keys: h.PublicKeys, From: "start", By: h.By, MadeAt: h.MadeAt.UTC().Format(wire.TimeLayout),
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

// hookRoom returns the room of the path, or "" on routes without a room.
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

// fixed are the properties of a hook that never change.
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

// maxTestWait is longer than the service waits for the endpoint of a hook.
const maxTestWait = 20 * time.Second

// testHook answers with the result of a test. If the endpoint failed, the request has still
// succeeded.
func (a *API) testHook(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	test, err := a.cfg.Hooks.TestHook(r.ctx, r.by, id)
	if err != nil {
		return err
	}
	return r.encode(fiber.StatusOK, struct {
		OK     bool   `json:"ok"`
		Status int    `json:"status,omitempty"`
		TookMS int64  `json:"took_ms"`
		Body   string `json:"body,omitempty"`
		Error  string `json:"error,omitempty"`
	}{test.Error == "", test.Status, test.Took.Milliseconds(), test.Body, test.Error})
}
