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

// puller is a request that pulls from a hook.
type puller struct {
	*request
	caller ports.HookCaller
}

const maxPullWait = 30 // seconds

// pulls returns a handler for requests that pull. They are authorized by a token, or by the hook's
// secret in its place.
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
