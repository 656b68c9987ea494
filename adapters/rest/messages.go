package rest

import (
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

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
	if r.Context().QueryArgs().Has("only") {
		if q.Messages = r.Query("only") == "messages"; !q.Messages {
			return q, chat.Errorf(chat.Invalid, "only must be messages")
		}
	}
	return q, nil
}

// message answers with one message in its present form. Other entries are not found.
func (a *API) message(r *request) error {
	room, seq, err := r.message()
	if err != nil {
		return err
	}
	query := ports.History{Room: room, Limit: 1}
	if seq < chat.MaxSeq {
		query.Before = seq + 1
	}
	page, err := a.cfg.Reader.History(r.ctx, r.by, query)
	if err != nil {
		return err
	}
	for i := range page.Entries {
		e := &page.Entries[i]
		if _, said := e.Fact.(chat.Message); said && e.Seq == seq {
			return r.answer(fiber.StatusOK, wire.AppendEntry(nil, e))
		}
	}
	return chat.Errorf(chat.NotFound, "there is no message %d in %s", seq, room)
}

// send returns the send of the body and the Idempotency-Key header; the header wins over a key in
// the body.
func (r *request) send() (s ports.Send, err error) {
	s.Makes = true // over HTTP a client cannot join the room before
	if s.Room, err = r.room(); err != nil {
		return s, err
	}
	o, err := r.object()
	if err != nil {
		return s, err
	}
	if s.Body, err = needed(o, "body", chat.ParseBody); err != nil {
		return s, err
	}
	if s.Key, err = r.key(o); err != nil {
		return s, err
	}
	if s.ReplyTo, err = o.Seq("reply_to"); err != nil {
		return s, err
	}
	if s.Meta, err = o.Meta(); err != nil {
		return s, err
	}
	if s.IfHead, err = o.Cursor("if_head"); err != nil {
		return s, err
	}
	silent, err := o.Flag("silent")
	s.Silent = value(silent)
	return s, err
}

func (r *request) key(o object) (chat.Key, error) {
	key, err := o.Text("key")
	if err != nil {
		return "", err
	}
	switch lines := r.Request().Header.PeekAll("Idempotency-Key"); {
	case len(lines) > 1:
		return "", chat.Errorf(chat.Invalid, "key must be there once: Idempotency-Key has several lines")
	case len(lines) == 1 && len(lines[0]) > 0:
		return headerKey(string(lines[0]))
	}
	if key == nil {
		return "", nil
	}
	return chat.ParseKey(*key)
}

// headerKey reads a key, either as it is or as a quoted string with escapes (RFC 9651, 3.3.3), as
// in the IETF's draft "The Idempotency-Key HTTP Header Field". Parameters after it are ignored.
func headerKey(header string) (chat.Key, error) {
	rest, quoted := strings.CutPrefix(header, `"`)
	if !quoted {
		return chat.ParseKey(header)
	}
	var key strings.Builder
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; c {
		case '"':
			if behind := strings.TrimLeft(rest[i+1:], " "); behind != "" && behind[0] != ';' {
				return "", errQuotes
			}
			return chat.ParseKey(key.String())
		case '\\':
			if i++; i == len(rest) || rest[i] != '"' && rest[i] != '\\' {
				return "", errQuotes
			}
			key.WriteByte(rest[i])
		default:
			key.WriteByte(c)
		}
	}
	return "", errQuotes
}

var errQuotes = chat.Errorf(chat.Invalid, `key must be a string that ends with its quote, with \" and \\ as its only escapes, or have no quotes around it`)

// countSends reports how a send ended, as the socket does. It also reports sends whose token cannot
// be verified now.
func (a *API) countSends(send fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		err := send(c)
		a.cfg.Observer.Sent(err)
		return err
	}
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
	o, err := r.object()
	if err != nil {
		return err
	}
	body, err := needed(o, "body", chat.ParseBody)
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
