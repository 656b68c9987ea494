// Package rest is the HTTP API: the same rooms, messages and rules as on the socket, for clients
// without one.
package rest

import (
	"context"
	_ "embed"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

//go:generate go run ../edge/pack openapi.json

// OpenAPI is the description of this API: openapi.json, compressed by gzip.
//
//go:embed openapi.json.gz
var OpenAPI []byte

// Config is what an API works with. All ports are needed, except Searcher, Observer and Faults.
type Config struct {
	Writer   ports.Writer
	Reader   ports.Reader
	Rooms    ports.Rooms
	Members  ports.Members
	Hooks    ports.HookAdmin
	Pull     ports.HookCursors
	Lists    ports.RoomLister
	Profiles ports.Profiles
	Sets     ports.Sets
	Searcher ports.Searcher // nil: there is no search
	Verifier ports.TokenVerifier
	Observer ports.SendObserver // nil: nobody is told
	// Hears faults in one of several results of a request; nil: nobody is told.
	Faults ports.FaultObserver

	Timeout time.Duration // for one request; 0: 10 s
}

// API serves the routes under /v1, and the descriptions.
type API struct{ cfg Config }

// New returns an API.
func New(cfg Config) *API {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	if cfg.Faults == nil {
		cfg.Faults = ports.Unobserved{}
	}
	return &API{cfg}
}

// Routes adds the API's routes.
func (a *API) Routes(r fiber.Router) {
	r.Get("/openapi.json", document(OpenAPI))
	r.Get("/asyncapi.json", document(wire.AsyncAPI))

	r.Post("/v1/batch", a.as(a.batch))
	a.hookRoutes(r)
	r.Get("/v1/rooms", a.as(a.listRooms))
	r.Post("/v1/rooms", a.as(a.createRoom))
	r.Get("/v1/rooms/:room", a.as(a.room))
	r.Patch("/v1/rooms/:room", a.as(a.changeRoom))
	r.Delete("/v1/rooms/:room", a.as(a.archiveRoom))
	r.Get("/v1/rooms/:room/entries", a.as(a.entries))
	r.Post("/v1/rooms/:room/messages", a.countSends(a.as(a.send)))
	r.Get("/v1/rooms/:room/messages/:seq", a.as(a.message))
	r.Patch("/v1/rooms/:room/messages/:seq", a.as(a.edit))
	r.Delete("/v1/rooms/:room/messages/:seq", a.as(a.delete))
	r.Put("/v1/rooms/:room/messages/:seq/reactions/:emoji", a.as(a.react(false)))
	r.Delete("/v1/rooms/:room/messages/:seq/reactions/:emoji", a.as(a.react(true)))
	r.Get("/v1/rooms/:room/pins", a.as(a.pins))
	r.Put("/v1/rooms/:room/pins/:seq", a.as(a.pin))
	r.Delete("/v1/rooms/:room/pins/:seq", a.as(a.unpin))
	r.Get("/v1/rooms/:room/sets", a.as(a.sets))
	r.Put("/v1/rooms/:room/sets/:set", a.as(a.setSlot(false)))
	r.Delete("/v1/rooms/:room/sets/:set", a.as(a.unsetSlot(false)))
	r.Put("/v1/rooms/:room/messages/:seq/sets/:set", a.as(a.setSlot(true)))
	r.Delete("/v1/rooms/:room/messages/:seq/sets/:set", a.as(a.unsetSlot(true)))
	r.Get("/v1/search", a.as(a.search))
	r.Get("/v1/users", a.as(a.users))
	r.Post("/v1/users", a.as(a.askedUsers))
	r.Get("/v1/users/:user", a.as(a.user))
	r.Put("/v1/users/:user", a.as(a.setUser))
	r.Get("/v1/rooms/:room/marks", a.as(a.marks))
	r.Get("/v1/rooms/:room/members", a.as(a.listMembers))
	r.Put("/v1/rooms/:room/members", a.as(a.setMembers))
	r.Put("/v1/rooms/:room/members/:user", a.as(a.setMember))
	r.Delete("/v1/rooms/:room/members/:user", a.as(a.removeMember))
}

func document(gzipped []byte) fiber.Handler {
	d := edge.PackedDocument(gzipped, nil)
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*") // it has nothing private
		body, _ := d.Choose(c)
		return c.Send(body)
	}
}

// request is one request of a known user.
type request struct {
	*fiber.Ctx
	ctx    context.Context
	sender chat.Identity // the identity of the token
	// The identity for which the request is made: sender, or the user for whom it acts.
	by   chat.Identity
	acts bool // sender acts for by
}

// as returns a handler that verifies the token before it calls handle.
func (a *API) as(handle func(*request) error) fiber.Handler { return a.asFor(a.cfg.Timeout, handle) }

// asFor is like as, with another time limit for the request.
func (a *API) asFor(timeout time.Duration, handle func(*request) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), timeout)
		defer cancel()
		token, err := edge.Token(c)
		if err != nil {
			return err
		}
		by, err := a.cfg.Verifier.Verify(ctx, token)
		if err != nil {
			return err
		}
		if err := edge.Once(c); err != nil {
			return err
		}
		r := &request{Ctx: c, ctx: ctx, sender: by, by: by}
		if err := r.actByHeader(); err != nil {
			return err
		}
		return handle(r)
	}
}

// answer sends JSON that wire encoded. Caches may not store it.
func (r *request) answer(status int, json []byte) error {
	r.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	r.Set(fiber.HeaderCacheControl, "no-store")
	return r.Status(status).Send(json)
}
