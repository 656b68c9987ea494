package sse

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// This file serves the reading half of the Durable Streams protocol, version 1.0
// (github.com/durable-streams/durable-streams, PROTOCOL.md): a room is a stream of JSON, and an
// entry is a message. An offset is the seq of the last entry before it, in a form that sorts as
// text, and the log that it belongs to.

const (
	headerOffset   = "Stream-Next-Offset"
	headerUpToDate = "Stream-Up-To-Date"
	headerCursor   = "Stream-Cursor"

	durableWait = 25 * time.Second // of a long poll
)

// durableWish is what a Durable Streams client asks for.
type durableWish struct {
	room  chat.RoomID
	log   chat.LogID
	after chat.Seq // unknown: from the end on
	live  string   // "long-poll", "sse", or empty
	tag   string   // a cursor for caches, which changes with time
}

func (a *Adapter) durable(c *fiber.Ctx) error {
	w, err := a.durableWish(c)
	if err != nil {
		return a.durableError(c, err)
	}
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	c.Set("Cross-Origin-Resource-Policy", "cross-origin") // the token decides who may read it
	if w.live == "sse" {
		return a.durableError(c, a.durableEvents(c, who, w))
	}
	return a.durableError(c, a.durablePage(c, who, w))
}

// durableError gives an error the status that the protocol requires.
func (a *Adapter) durableError(c *fiber.Ctx, err error) error {
	if err == nil {
		return nil
	}
	e := chat.AsError(err)
	switch {
	case e.Detail == chat.OtherLog:
		return edge.Fail(c, fiber.StatusGone, e, a.cfg.Observer, "answer a request")
	case e.Kind == chat.Invalid:
		return edge.Fail(c, fiber.StatusBadRequest, e, a.cfg.Observer, "answer a request")
	}
	return err
}

func (a *Adapter) durableWish(c *fiber.Ctx) (w durableWish, err error) {
	if w.room, err = roomIn(c); err != nil {
		return w, err
	}
	if err := edge.Once(c); err != nil {
		return w, err
	}
	w.log = a.cfg.Which()
	w.tag = cacheTag(c.Query("cursor"), time.Now())
	given := c.Context().QueryArgs().Has("offset")
	switch w.live = utils.CopyString(c.Query("live")); {
	case w.live != "" && w.live != "sse" && w.live != "long-poll":
		return w, chat.Errorf(chat.Invalid, "live must be sse or long-poll")
	case w.live != "" && !given:
		return w, chat.Errorf(chat.Invalid, "offset must be there with live")
	case given:
		w.after, err = parseOffset(utils.CopyString(c.Query("offset")), w.log)
	}
	return w, err
}

// offsetDigits is the number of digits of the largest seq.
const offsetDigits = 16

func appendOffset(dst []byte, at chat.Seq, log chat.LogID) []byte {
	digits := strconv.AppendInt(make([]byte, 0, 20), int64(at), 10)
	for range offsetDigits - len(digits) {
		dst = append(dst, '0')
	}
	return append(append(append(dst, digits...), '_'), log...)
}

var errOffset = chat.Errorf(chat.Invalid, "offset must be -1, now, or one that the service has given")

// parseOffset returns the seq after which an offset lies. It returns unknown for the end.
func parseOffset(text string, log chat.LogID) (chat.Seq, error) {
	switch text {
	case "-1":
		return 0, nil
	case "now":
		return unknown, nil
	}
	digits, of, ok := strings.Cut(text, "_")
	n, err := strconv.ParseUint(digits, 10, 53)
	if !ok || err != nil || len(digits) != offsetDigits {
		return 0, errOffset
	}
	if of != string(log) {
		return 0, chat.CursorOfOther(log)
	}
	return chat.Seq(n), nil
}

// cacheTag returns the number of the present period of 20 s. If the client has that number or a
// higher one, it returns a still higher one.
func cacheTag(has string, now time.Time) string {
	n := (now.Unix() - 1_728_432_000) / 20 // since 2024-10-09, as the protocol says
	if before, err := strconv.ParseInt(has, 10, 53); err == nil && before >= n {
		n = before + 1 + rand.N[int64](180)
	}
	return strconv.FormatInt(n, 10)
}

// durablePage answers with the entries that exist. If there are none, a long poll waits.
func (a *Adapter) durablePage(c *fiber.Ctx, who chat.Identity, w durableWish) error {
	q := ports.History{Room: w.room, Limit: ports.MaxPage, After: &w.after}
	now := w.after == unknown || c.Method() == fiber.MethodHead
	if now {
		q.After, q.Limit = nil, 1
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), a.cfg.VerifyTime)
	defer cancel()
	page, err := a.cfg.Reader.History(ctx, who, q)
	if err != nil {
		return err
	}
	if now {
		w.after, page.Entries, page.More = page.Head, nil, false
	}
	if w.live != "" && len(page.Entries) == 0 && c.Method() != fiber.MethodHead {
		return a.durablePoll(c, who, w)
	}
	body, next := []byte{'['}, w.after
	for i := range page.Entries {
		if i > 0 {
			body = append(body, ',')
		}
		body = wire.AppendEntry(body, &page.Entries[i])
		next = page.Entries[i].Seq
	}
	body = append(body, ']')
	w.describe(c, next, !page.More)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if !now {
		// The shown form of an entry may change, so the tag is a hash of the bytes.
		h := fnv.New64a()
		_, _ = h.Write(body)
		tag := fmt.Sprintf(`"%d:%d:%x"`, w.after, next, h.Sum64())
		c.Set(fiber.HeaderETag, tag)
		c.Set(fiber.HeaderCacheControl, "private, no-cache")
		if edge.Has(c, tag) {
			return c.SendStatus(fiber.StatusNotModified)
		}
	}
	return c.Status(fiber.StatusOK).Send(body)
}

// describe sets the headers of an answer. next is the seq that the client has reached after it.
func (w *durableWish) describe(c *fiber.Ctx, next chat.Seq, upToDate bool) {
	c.Set(headerOffset, string(appendOffset(nil, next, w.log)))
	if upToDate {
		c.Set(headerUpToDate, "true")
	}
	if w.live != "" {
		c.Set(headerCursor, w.tag)
	}
}

// durablePoll waits for entries.
func (a *Adapter) durablePoll(c *fiber.Ctx, who chat.Identity, w durableWish) error {
	l := &poll{link: newLink(), most: a.cfg.AnswerBytes, page: page{cursors: newCursors(w.log, []chat.RoomID{w.room})}}
	session, err := a.open(c, who, w.reads(), ports.StreamDurablePoll, l)
	if err != nil {
		return err
	}
	w.describe(c, w.after, true)
	c.Set(fiber.HeaderCacheControl, "no-store")
	base := responseOf(c)
	l.respond = func(g page) []byte {
		if len(g.entries) == 0 {
			return base.head(fiber.StatusNoContent, unbounded)
		}
		base.header.SetContentType(fiber.MIMEApplicationJSON)
		base.header.SetBytesV(headerOffset, appendOffset(nil, g.cursors.at[0], w.log))
		return append(append(append(base.head(fiber.StatusOK, len(g.entries)+2), '['), g.entries...), ']')
	}
	a.wait(c, ports.StreamDurablePoll, session, l, durableWait)
	return nil
}

// durableEvents answers with a stream of events.
func (a *Adapter) durableEvents(c *fiber.Ctx, who chat.Identity, w durableWish) error {
	// A room that does not exist yet can be followed, but a stream that does not exist cannot.
	ctx, cancel := context.WithTimeout(c.UserContext(), a.cfg.VerifyTime)
	defer cancel()
	if _, err := a.cfg.Reader.History(ctx, who, ports.History{Room: w.room, Limit: 1}); err != nil {
		return err
	}
	form := &durable{log: w.log, tag: w.tag}
	e := &events{link: newLink(), form: form, cursors: newCursors(w.log, []chat.RoomID{w.room})}
	return a.stream(c, who, w.reads(), ports.StreamDurable, e)
}

func (w *durableWish) reads() []ports.Join {
	read := ports.Join{Room: w.room}
	if w.after != unknown {
		read.After = &w.after
	}
	return []ports.Join{read}
}

// durable is the form of streams for clients of Durable Streams. An entry is an event with an
// array. After it comes an event that says how far the client has got.
type durable struct {
	log chat.LogID
	tag string
}

func (d *durable) event(dst []byte, f frame, c *cursors, _ bool, rest []byte) []byte {
	if f.op == opPing {
		return append(dst, ": ping\n\n"...)
	}
	if f.op != opText {
		return dst
	}
	if at, ok := wire.JoinedOf(f.payload); ok {
		if at.From > at.Head { // otherwise the first event is an entry's
			dst = d.control(dst, c, true)
		}
		return dst
	}
	if _, _, ok := wire.PlaceOf(f.payload); !ok {
		return dst
	}
	dst = append(dst, "event: data\ndata:[\n"...)
	dst = appendData(dst, f.payload)
	dst = append(dst, "data:]\n\n"...)
	return d.control(dst, c, !hasEntry(rest))
}

// hasEntry reports whether one of the frames is an entry.
func hasEntry(frames []byte) bool {
	for len(frames) > 0 {
		f, size, err := nextFrame(frames)
		if err != nil {
			return false
		}
		if _, _, ok := wire.PlaceOf(f.payload); ok && f.op == opText {
			return true
		}
		frames = frames[size:]
	}
	return false
}

func (d *durable) control(dst []byte, c *cursors, upToDate bool) []byte {
	dst = append(dst, "event: control\ndata:{\"streamNextOffset\":\""...)
	dst = appendOffset(dst, c.at[0], d.log)
	dst = append(append(append(dst, `","streamCursor":"`...), d.tag...), '"')
	if upToDate {
		dst = append(dst, `,"upToDate":true`...)
	}
	return append(dst, "}\n\n"...)
}
