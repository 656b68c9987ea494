package rest

import (
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// room is a room as one user sees it.
type room struct {
	Room     chat.RoomID `json:"room"`
	Name     string      `json:"name"`
	Public   bool        `json:"public"`
	Archived bool        `json:"archived"`
	// Empty for a room that nobody has written in.
	CreatedAt string   `json:"created_at,omitempty"`
	Head      chat.Seq `json:"head"`
	Role      string   `json:"role"`
	Read      chat.Seq `json:"read"`
	Unread    int64    `json:"unread"`

	Topic  string                     `json:"topic,omitempty"`
	Avatar string                     `json:"avatar,omitempty"`
	Custom map[string]json.RawMessage `json:"custom,omitempty"`  // not in lists
	MayPin string                     `json:"may_pin,omitempty"` // not in lists
	MaySet string                     `json:"may_set,omitempty"` // not in lists
}

func view(v ports.RoomView) room {
	shown := room{
		Room: v.Room.ID, Name: v.Room.Name, Public: v.Room.Public, Archived: v.Room.Archived,
		Head: v.Room.Head, Role: v.Role.String(), Read: v.Read, Unread: v.Unread,
	}
	if v.Room.Made() {
		shown.CreatedAt = v.Room.CreatedAt.UTC().Format(wire.TimeLayout)
	}
	shown.Topic, shown.Avatar = v.Topic, v.Avatar
	for _, is := range v.Custom {
		if shown.Custom == nil {
			shown.Custom = map[string]json.RawMessage{}
		}
		shown.Custom[is.Slot] = is.Data
	}
	setting := func(role chat.Role) string {
		if role == chat.None {
			return ""
		}
		return role.String()
	}
	shown.MayPin, shown.MaySet = setting(v.MayPin), setting(v.MaySet)
	return shown
}

// described answers with one room. The entity tag is the entry that last changed it.
func (r *request) described(v ports.RoomView) error {
	r.Set(fiber.HeaderETag, fmt.Sprintf(`"%d"`, v.Room.Changed))
	return r.encode(fiber.StatusOK, view(v))
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
	all, err := edge.Flag(r.Ctx, "all")
	if err != nil {
		return err
	}
	if r.Context().QueryArgs().Has("sort") || r.Context().QueryArgs().Has("cursor") {
		if all {
			return chat.Errorf(chat.Invalid, "all and sort exclude each other")
		}
		return a.sortedRooms(r, limit)
	}
	var after chat.RoomID
	if text := utils.CopyString(r.Query("after")); text != "" {
		if after, err = chat.ParseRoomID(text); err != nil {
			return err
		}
	}
	list := a.cfg.Rooms.Mine
	if all {
		list = a.cfg.Rooms.All
	}
	page, next, err := list(r.ctx, r.by, after, limit)
	if err != nil && !ports.IsPartial(err) {
		return err
	}
	rooms := make([]room, len(page))
	for i, v := range page {
		rooms[i] = view(v)
	}
	return r.encode(fiber.StatusOK, struct {
		Rooms   []room      `json:"rooms"`
		Next    chat.RoomID `json:"next,omitempty"`
		Lacking bool        `json:"lacking,omitempty"`
	}{rooms, next, err != nil})
}

func (a *API) createRoom(r *request) error {
	o, err := r.object()
	if err != nil {
		return err
	}
	wish, err := o.newRoom()
	if err != nil {
		return err
	}
	members, err := o.wishes("members")
	if err != nil {
		return err
	}
	made, err := a.cfg.Rooms.Create(r.ctx, r.by, wish)
	if err != nil {
		return err
	}
	answer := struct {
		room
		Members []placeSet `json:"members,omitempty"`
	}{room: view(made)}
	if len(members) > 0 {
		answer.Members = a.admit(r, wish.ID, members)
		if v, err := a.cfg.Rooms.Room(r.ctx, r.by, wish.ID); err == nil {
			answer.room = view(v) // as it is after the members were set
		}
	}
	r.Set(fiber.HeaderLocation, "/v1/rooms/"+string(wish.ID))
	return r.encode(fiber.StatusCreated, answer)
}

// admit is like grant, for a room that was made just now. Whatever fails, the answer must say that
// the room exists.
func (a *API) admit(r *request, room chat.RoomID, wishes []wish) []placeSet {
	results, err := a.grant(r, room, wishes)
	if err == nil {
		return results
	}
	results = make([]placeSet, len(wishes))
	for i, w := range wishes {
		results[i] = placeSet{User: w.User, Error: wire.AppendError(nil, a.told(r, err))}
	}
	return results
}

func (o object) newRoom() (room chat.Room, err error) {
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
	return r.described(v)
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
	return r.described(v)
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
	if change.Archived, err = o.Flag("archived"); err != nil {
		return change, err
	}
	err = r.metadata(o, &change)
	return change, err
}

// metadata reads the metadata that a request sets on a room, and its condition.
func (r *request) metadata(o object, change *ports.RoomChange) (err error) {
	if change.If, err = r.ifChanged(); err != nil {
		return err
	}
	if change.Topic, err = o.parsed("topic", chat.ParseTopic); err != nil {
		return err
	}
	if change.Avatar, err = o.parsed("avatar", chat.ParseRoomAvatar); err != nil {
		return err
	}
	if change.MayPin, err = o.Role("may_pin"); err != nil {
		return err
	}
	if change.MaySet, err = o.Role("may_set"); err != nil {
		return err
	}
	change.Custom, err = o.CustomKeys()
	return err
}

func (a *API) archiveRoom(r *request) error {
	id, err := r.room()
	if err != nil {
		return err
	}
	changed, err := r.ifChanged()
	if err != nil {
		return err
	}
	v, err := a.cfg.Rooms.Change(r.ctx, r.by, id, ports.RoomChange{Archived: new(true), If: changed})
	if err != nil {
		return err
	}
	return r.described(v)
}
