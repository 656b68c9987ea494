package rest

import (
	"context"
	"regexp"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// retryAfter is when to try again after an Unavailable error that does not say it.
const retryAfter = time.Second

// Max bytes of the bodies that may be larger than others.
const (
	batchBytes   = 512 << 10
	membersBytes = 256 << 10
)

var membersPath = regexp.MustCompile(`^/v1/rooms/[^/]+/members$`)

// BodyBytes returns the max bytes of a body to a route that takes larger ones than others. For
// other routes it returns 0.
func BodyBytes(method, path string) int {
	switch {
	case method == fiber.MethodPost && path == "/v1/batch":
		return batchBytes
	case method == fiber.MethodPost && path == "/v1/rooms", method == fiber.MethodPut && membersPath.MatchString(path):
		return membersBytes
	}
	return 0
}

// MayLarger returns an error if a request with these headers may not have a larger body than
// others, as it has no valid token.
func (a *API) MayLarger(h edge.Headers) error {
	token, err := edge.HeaderToken(h)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Timeout)
	defer cancel()
	_, err = a.cfg.Verifier.Verify(ctx, token)
	return err
}

// batch is a list of commands, with the result of each.
type batch struct {
	*API
	r        *request
	commands []ports.Command
	results  [][]byte
}

// batch does commands as the socket would: those of one room in their order, and those of different
// rooms at the same time. All commands of an atomic batch are for one room. They are all done, or
// none is.
func (a *API) batch(r *request) error {
	commands, atomic, err := r.commands()
	if err != nil {
		return err
	}
	b := &batch{a, r, commands, make([][]byte, len(commands))}
	if atomic != "" {
		b.together(atomic)
	} else {
		b.apart()
	}
	text := []byte(`{"results":[`)
	for i, result := range b.results {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, result...)
	}
	return r.answer(fiber.StatusOK, append(text, "]}"...))
}

// commands returns the commands of the body, and the room of an atomic batch. If the body says for
// whom it is, that applies to the commands that do not say it themselves.
func (r *request) commands() (_ []ports.Command, atomic chat.RoomID, err error) {
	if err := r.isJSON(); err != nil {
		return nil, "", err
	}
	commands, rest, err := wire.ReadBatch(r.BodyRaw())
	if err != nil {
		return nil, "", err
	}
	room, err := rest.Text("atomic")
	if err == nil && room != nil {
		atomic, err = chat.ParseRoomID(*room)
	}
	if err != nil {
		return nil, "", err
	}
	whom, err := rest.As()
	if err == nil && whom != nil {
		err = r.act(*whom)
	}
	return commands, atomic, err
}

// apart does each command by itself.
func (b *batch) apart() {
	rooms := map[chat.RoomID][]int{}
	for i, c := range b.commands {
		room := ports.RoomOf(c.Ask)
		rooms[room] = append(rooms[room], i)
	}
	var wg sync.WaitGroup
	for _, in := range rooms {
		wg.Go(func() { b.inOrder(in) })
	}
	wg.Wait()
}

// together does all commands, or none. They must be changes of the given room.
func (b *batch) together(room chat.RoomID) {
	parts, errs := make([]ports.Part, len(b.commands)), make([]error, len(b.commands))
	failed := -1
	for at := range b.commands {
		if parts[at], errs[at] = b.part(at, room); errs[at] != nil && failed < 0 {
			failed = at
		}
	}
	if failed >= 0 {
		for at, err := range errs {
			if err == nil {
				err = chat.Undone(failed)
			}
			b.fails(at, err)
		}
		return
	}
	for at, is := range b.cfg.Writer.WriteTogether(b.r.ctx, parts) {
		if is.Err != nil {
			b.fails(at, is.Err)
		} else {
			b.succeeds(at, ports.AnswerTo(parts[at].Change, is.Receipt))
		}
	}
}

// part returns a command of an atomic batch as a change, with its author.
func (b *batch) part(at int, room chat.RoomID) (part ports.Part, err error) {
	c := b.commands[at]
	switch ask := c.Ask.(type) {
	case ports.Malformed:
		return part, ask.Err
	case ports.Send:
		ask.Makes = true
		part.Change = ask
	case ports.Change:
		part.Change = ask
	default:
		return part, chat.Errorf(chat.Invalid, "an atomic batch does not take %s", ports.NameOf(ask))
	}
	if part.Change.In() != room {
		return part, chat.Errorf(chat.Invalid, "commands[%d] is of another room than atomic says", at)
	}
	part.By, err = b.by(c)
	return part, err
}

// sending is a change that is on its way to the log.
type sending struct {
	at   int
	done chan result // has room for the result
}

type result struct {
	receipt ports.Receipt
	err     error
}

// inOrder does the commands of one room in their order. Messages and reactions go to the log
// without waiting for the commands before them. Other changes must find a message first, so they
// wait. Marks wait too.
func (b *batch) inOrder(in []int) {
	var sent []sending
	for _, at := range in {
		c := b.commands[at]
		switch ask := c.Ask.(type) {
		case ports.Malformed:
			b.fails(at, ask.Err)
		case ports.Change:
			switch ask.(type) {
			case ports.Send, ports.React:
			default:
				sent = b.settle(sent)
			}
			sent = b.change(at, ask, sent)
		case ports.Mark:
			sent = b.settle(sent)
			b.mark(at, ask)
		default:
			b.fails(at, chat.Errorf(chat.Invalid, "a batch does not take %s", ports.NameOf(ask)))
		}
	}
	b.settle(sent)
}

// by returns the identity for which a command is done: the one that the command names, or else that
// of the request.
func (b *batch) by(c ports.Command) (chat.Identity, error) {
	if c.As == nil {
		return b.r.by, nil
	}
	return c.By(b.r.sender)
}

func (b *batch) change(at int, ask ports.Change, sent []sending) []sending {
	send, says := ask.(ports.Send)
	if says && send.Key == "" {
		b.fails(at, chat.Errorf(chat.Invalid, "key of commands[%d] is missing: a batch must be repeatable", at))
		return sent
	}
	if says {
		send.Makes = true
		ask = send
	}
	by, err := b.by(b.commands[at])
	if err != nil {
		b.fails(at, err)
		return sent
	}
	done := make(chan result, 1)
	b.cfg.Writer.Write(b.r.ctx, by, ask, func(r ports.Receipt, err error) { done <- result{r, err} })
	return append(sent, sending{at, done})
}

// settle waits for changes, as long as the request may take. It returns an empty list.
func (b *batch) settle(sent []sending) []sending {
	for _, one := range sent {
		var is result
		select {
		case is = <-one.done:
		case <-b.r.ctx.Done():
			is.err = chat.Wrap(chat.Unavailable, context.Cause(b.r.ctx), "wait for the log")
		}
		if is.err != nil {
			b.fails(one.at, is.err)
			continue
		}
		b.succeeds(one.at, ports.AnswerTo(b.commands[one.at].Ask.(ports.Change), is.receipt))
	}
	return sent[:0]
}

func (b *batch) mark(at int, ask ports.Mark) {
	by, err := b.by(b.commands[at])
	if err != nil {
		b.fails(at, err)
		return
	}
	marked, err := b.cfg.Reader.Mark(b.r.ctx, by, ask)
	if err != nil {
		b.fails(at, err)
		return
	}
	b.succeeds(at, marked)
}

func (b *batch) succeeds(at int, answer ports.Answer) {
	c := b.commands[at]
	b.results[at] = wire.AppendFrame(nil, &ports.OK{ID: c.ID, Answer: answer})
	b.count(c, nil)
}

func (b *batch) fails(at int, err error) {
	c := b.commands[at]
	b.results[at] = wire.AppendFrame(nil, ports.Failure{ID: c.ID, Err: b.told(b.r, err)})
	b.count(c, err)
}

// count reports how a send ended.
func (b *batch) count(c ports.Command, err error) {
	if ports.IsSend(c.Ask) {
		b.cfg.Observer.Sent(err)
	}
}
