package rest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (a *API) entries(r *request) error {
	q, err := r.history()
	if err != nil {
		return err
	}
	page, err := a.cfg.Reader.History(r.ctx, r.by, q)
	if err != nil {
		return err
	}
	return r.answer(fiber.StatusOK, wire.AppendAnswer(nil, page))
}

func (r *request) history() (q ports.History, err error) {
	if q.Room, err = r.room(); err != nil {
		return q, err
	}
	if q.Limit, err = r.limit(); err != nil {
		return q, err
	}
	before, err := r.number("before", 1, int64(chat.MaxSeq), 0)
	if err != nil {
		return q, err
	}
	after, err := r.number("after", 0, int64(chat.MaxSeq), -1)
	if err != nil {
		return q, err
	}
	if q.Before = chat.Seq(before); after >= 0 {
		seq := chat.Seq(after)
		q.After = &seq
	}
	if before > 0 && after >= 0 {
		return q, chat.Errorf(chat.Invalid, "before and after exclude each other")
	}
	switch r.Query("only") {
	case "":
	case "messages":
		q.Messages = true
	default:
		return q, chat.Errorf(chat.Invalid, "only must be messages")
	}
	return q, nil
}

// message is what a client says.
type message struct {
	Body    *string         `json:"body"`
	Key     string          `json:"key"`
	ReplyTo *int64          `json:"reply_to"`
	Meta    json.RawMessage `json:"meta"`
}

func (m *message) body() (string, error) {
	if m.Body == nil {
		return "", chat.Errorf(chat.Invalid, "body is missing")
	}
	return chat.ParseBody(*m.Body)
}

// send returns what the body and the Idempotency-Key header ask to be said; the header wins over a key in the body.
func (r *request) send() (s ports.Send, err error) {
	if s.Room, err = r.room(); err != nil {
		return s, err
	}
	var m message
	if err := r.read(&m); err != nil {
		return s, err
	}
	if s.Body, err = m.body(); err != nil {
		return s, err
	}
	if key := r.Get("Idempotency-Key"); key != "" {
		m.Key = utils.CopyString(key)
	}
	if m.Key != "" {
		if s.Key, err = chat.ParseKey(m.Key); err != nil {
			return s, err
		}
	}
	if m.ReplyTo != nil {
		if *m.ReplyTo < 1 || *m.ReplyTo > int64(chat.MaxSeq) {
			return s, chat.Errorf(chat.Invalid, "reply_to must be a seq")
		}
		s.ReplyTo = chat.Seq(*m.ReplyTo)
	}
	s.Meta, err = m.meta()
	return s, err
}

func (m *message) meta() ([]byte, error) {
	meta := bytes.TrimSpace(m.Meta)
	switch {
	case len(meta) == 0 || string(meta) == "null":
		return nil, nil
	case meta[0] != '{':
		return nil, chat.Errorf(chat.BadRequest, "meta must be an object")
	case len(meta) > chat.MaxMetaBytes:
		return nil, chat.Errorf(chat.Invalid, "meta must have at most %d bytes", chat.MaxMetaBytes)
	}
	return meta, nil
}

func (a *API) send(r *request) error {
	s, err := r.send()
	if err != nil {
		return err
	}
	receipt, err := ports.Record(r.ctx, a.cfg.Writer, r.by, s)
	if err != nil {
		return err
	}
	status := fiber.StatusCreated
	if receipt.Duplicate {
		status = fiber.StatusOK
	}
	r.Set(fiber.HeaderLocation, fmt.Sprintf("/v1/rooms/%s/messages/%d", s.Room, receipt.Seq))
	return r.answer(status, wire.AppendAnswer(nil, ports.Sent{Receipt: receipt}))
}

func (a *API) edit(r *request) error {
	room, seq, err := r.message()
	if err != nil {
		return err
	}
	var m message
	if err := r.read(&m); err != nil {
		return err
	}
	body, err := m.body()
	if err != nil {
		return err
	}
	return a.change(r, ports.Edit{Room: room, Seq: seq, Body: body})
}

func (a *API) delete(r *request) error {
	room, seq, err := r.message()
	if err != nil {
		return err
	}
	return a.change(r, ports.Delete{Room: room, Seq: seq})
}

func (a *API) change(r *request, change ports.Change) error {
	receipt, err := ports.Record(r.ctx, a.cfg.Writer, r.by, change)
	if err != nil {
		return err
	}
	return r.answer(fiber.StatusOK, wire.AppendAnswer(nil, ports.Changed{Receipt: receipt}))
}

func (a *API) react(remove bool) func(*request) error {
	return func(r *request) error {
		room, seq, err := r.message()
		if err != nil {
			return err
		}
		text, err := r.param("emoji")
		if err != nil {
			return err
		}
		emoji, err := chat.ParseEmoji(text)
		if err != nil {
			return err
		}
		receipt, err := ports.Record(r.ctx, a.cfg.Writer, r.by, ports.React{Room: room, Seq: seq, Emoji: emoji, Remove: remove})
		if err != nil {
			return err
		}
		return r.answer(fiber.StatusOK, wire.AppendAnswer(nil, ports.ReactionSet{Receipt: receipt}))
	}
}
