package rest

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// pins answers with a page of a room's pinned messages.
func (a *API) pins(r *request) error {
	q := ports.PinsQuery{}
	var err error
	if q.Room, err = r.room(); err != nil {
		return err
	}
	if q.Limit, err = r.limit(); err != nil {
		return err
	}
	before, err := r.number("before", 1, int64(chat.MaxSeq), 0)
	if err != nil {
		return err
	}
	q.Before = chat.Seq(before)
	page, err := a.cfg.Sets.Pins(r.ctx, r.by, q)
	if err != nil {
		return err
	}
	messages := make([]json.RawMessage, len(page.Messages))
	for i := range page.Messages {
		messages[i] = wire.AppendEntry(nil, &page.Messages[i])
	}
	return r.encode(fiber.StatusOK, struct {
		Room     chat.RoomID       `json:"room"`
		Messages []json.RawMessage `json:"messages"`
		Next     chat.Seq          `json:"next,omitempty"`
	}{page.Room, messages, page.Next})
}

// pin pins a message. The body may say until when.
func (a *API) pin(r *request) error {
	room, seq, err := r.message()
	if err != nil {
		return err
	}
	o, err := r.optionalObject()
	if err != nil {
		return err
	}
	text, err := o.Text("until")
	if err != nil {
		return err
	}
	ask := ports.Pin{Room: room, Seq: seq}
	if text != nil {
		if ask.Until, err = wire.ParseTime("until", *text); err != nil {
			return err
		}
	}
	return a.set(r, ask)
}

func (a *API) unpin(r *request) error {
	room, seq, err := r.message()
	if err != nil {
		return err
	}
	return a.set(r, ports.Unpin{Room: room, Seq: seq})
}

func (a *API) set(r *request, ask ports.Change) error {
	receipt, err := ports.Record(r.ctx, a.cfg.Writer, r.by, ask)
	if err != nil {
		return err
	}
	return r.answer(fiber.StatusOK, wire.AppendAnswer(nil, ports.SlotSet{Receipt: receipt}))
}

// slot returns a Set of the slot that the path and the query name. With onMessage it is a slot of
// the message in the path.
func (r *request) slot(onMessage bool) (ask ports.Set, err error) {
	if onMessage {
		ask.Room, ask.Target, err = r.message()
	} else {
		ask.Room, err = r.room()
	}
	if err != nil {
		return ask, err
	}
	of, err := r.param("set")
	if err != nil {
		return ask, err
	}
	if ask.Type, err = chat.ParseOwnType(of); err != nil {
		return ask, err
	}
	ask.Slot, err = chat.ParseSlot(utils.CopyString(r.Query("slot")))
	return ask, err
}

// setSlot sets a slot of one of the application's own types.
func (a *API) setSlot(onMessage bool) func(*request) error {
	return func(r *request) error {
		ask, err := r.slot(onMessage)
		if err != nil {
			return err
		}
		o, err := r.object()
		if err != nil {
			return err
		}
		if ask.Data, err = o.Data(); err != nil {
			return err
		}
		if ask.Key, err = r.key(o); err != nil {
			return err
		}
		return a.set(r, ask)
	}
}

func (a *API) unsetSlot(onMessage bool) func(*request) error {
	return func(r *request) error {
		ask, err := r.slot(onMessage)
		if err != nil {
			return err
		}
		return a.set(r, ask)
	}
}

// sets answers with the slots of the application's own types that are set on a room.
func (a *API) sets(r *request) error {
	room, err := r.room()
	if err != nil {
		return err
	}
	slots, err := a.cfg.Sets.RoomSets(r.ctx, r.by, room)
	if err != nil {
		return err
	}
	return r.answer(fiber.StatusOK, wire.AppendSlots(nil, room, slots))
}
