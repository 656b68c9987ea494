package rest

import (
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// room is a room as one user sees it.
type room struct {
	Room      chat.RoomID `json:"room"`
	Name      string      `json:"name"`
	Public    bool        `json:"public"`
	Archived  bool        `json:"archived"`
	CreatedAt string      `json:"created_at,omitempty"` // empty for a room that nobody has written in
	Head      chat.Seq    `json:"head"`
	Role      string      `json:"role"`
	Read      chat.Seq    `json:"read"`
	Unread    int64       `json:"unread"`
}

func view(v ports.RoomView) room {
	shown := room{
		Room: v.Room.ID, Name: v.Room.Name, Public: v.Room.Public, Archived: v.Room.Archived,
		Head: v.Room.Head, Role: v.Role.String(), Read: v.Read, Unread: v.Unread,
	}
	if v.Room.Made() {
		shown.CreatedAt = v.Room.CreatedAt.UTC().Format(wire.TimeLayout)
	}
	return shown
}

// encode sends a value of this package as JSON.
func (r *request) encode(status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return r.answer(status, text)
}

func (a *API) listRooms(r *request) error {
	limit, err := r.limit()
	if err != nil {
		return err
	}
	if r.Context().QueryArgs().Has("sort") || r.Context().QueryArgs().Has("cursor") {
		return a.sortedRooms(r, limit)
	}
	var after chat.RoomID
	if text := utils.CopyString(r.Query("after")); text != "" {
		if after, err = chat.ParseRoomID(text); err != nil {
			return err
		}
	}
	mine, next, err := a.cfg.Rooms.Mine(r.ctx, r.by, after, limit)
	if err != nil {
		return err
	}
	rooms := make([]room, len(mine))
	for i, v := range mine {
		rooms[i] = view(v)
	}
	return r.encode(fiber.StatusOK, struct {
		Rooms []room      `json:"rooms"`
		Next  chat.RoomID `json:"next,omitempty"`
	}{rooms, next})
}

func (a *API) createRoom(r *request) error {
	wish, err := r.newRoom()
	if err != nil {
		return err
	}
	made, err := a.cfg.Rooms.Create(r.ctx, r.by, wish)
	if err != nil {
		return err
	}
	r.Set(fiber.HeaderLocation, "/v1/rooms/"+string(wish.ID))
	return r.encode(fiber.StatusCreated, view(made))
}

func (r *request) newRoom() (room chat.Room, err error) {
	o, err := r.object()
	if err != nil {
		return room, err
	}
	if room.ID, err = needed(o, "room", chat.ParseRoomID); err != nil {
		return room, err
	}
	name, err := o.name()
	if err != nil {
		return room, err
	}
	public, err := o.Flag("public")
	if err != nil {
		return room, err
	}
	room.Name = value(name)
	room.Public = value(public)
	return room, nil
}

// value returns what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (a *API) room(r *request) error {
	id, err := r.room()
	if err != nil {
		return err
	}
	v, err := a.cfg.Rooms.Room(r.ctx, r.by, id)
	if err != nil {
		return err
	}
	return r.encode(fiber.StatusOK, view(v))
}

func (a *API) changeRoom(r *request) error {
	id, err := r.room()
	if err != nil {
		return err
	}
	change, err := r.roomChange()
	if err != nil {
		return err
	}
	v, err := a.cfg.Rooms.Change(r.ctx, r.by, id, change)
	if err != nil {
		return err
	}
	return r.encode(fiber.StatusOK, view(v))
}

func (r *request) roomChange() (change ports.RoomChange, err error) {
	o, err := r.object()
	if err != nil {
		return change, err
	}
	if change.Name, err = o.name(); err != nil {
		return change, err
	}
	if change.Public, err = o.Flag("public"); err != nil {
		return change, err
	}
	change.Archived, err = o.Flag("archived")
	return change, err
}

func (a *API) archiveRoom(r *request) error {
	id, err := r.room()
	if err != nil {
		return err
	}
	yes := true
	v, err := a.cfg.Rooms.Change(r.ctx, r.by, id, ports.RoomChange{Archived: &yes})
	if err != nil {
		return err
	}
	return r.encode(fiber.StatusOK, view(v))
}
