package ws

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// handshake refuses what may not become a socket, and says why in HTTP; otherwise it leaves for the
// connection what it found. All of it is done before the library sees the request, which would
// answer 426 to everything.
func (a *Adapter) handshake(c *fiber.Ctx) error {
	if !c.App().Server().KeepHijackedConns {
		return a.refuse(c, 0, errors.New("the HTTP server closes the sockets that it upgrades: KeepHijackedConns is not set"))
	}
	if status, err := a.upgradable(c); err != nil {
		return a.refuse(c, status, err)
	}
	remote := utils.CopyString(a.cfg.Client(c))
	opening := &ports.Opening{Remote: remote, Network: networkOf(remote)}
	if err := readJoin(c, opening); err != nil {
		return a.refuse(c, fiber.StatusBadRequest, err)
	}
	defer a.shaking.Add(-1)
	if a.shaking.Add(1) > int64(a.cfg.Handshakes) {
		return a.refuse(c, 0, &chat.Error{
			Kind: chat.Unavailable, Reason: "too many are connecting; try again", RetryAfter: time.Second + rand.N(4*time.Second),
		})
	}
	if err := a.cfg.Sessions.Ready(nil); err != nil { // no token is worth verifying for a node that takes nobody
		return a.refuse(c, 0, err)
	}
	offered := listed(c, fiber.HeaderSecWebSocketProtocol)
	if err := a.identify(c, offered, opening); err != nil {
		return a.refuse(c, 0, err)
	}
	if err := a.cfg.Sessions.Ready(opening); err != nil {
		return a.refuse(c, 0, err)
	}
	speaks := slices.Contains(offered, Subprotocol)
	if !speaks && slices.ContainsFunc(offered, func(p string) bool { return strings.HasPrefix(p, "bearer.") }) {
		// A browser would end the connection: of what it offered, nothing was chosen.
		return a.refuse(c, fiber.StatusBadRequest, chat.Errorf(chat.BadRequest, "offer the subprotocol %s beside bearer.<token>", Subprotocol))
	}
	if speaks { // the library passes the header on; of what else was offered it says nothing
		c.Set(fiber.HeaderSecWebSocketProtocol, Subprotocol)
	}
	c.Locals(openingKey, opening)
	return c.Next()
}

// upgradable checks what RFC 6455, 4.2.1 asks of a client's handshake, and its origin. With status
// 0 the error's kind says it.
func (a *Adapter) upgradable(c *fiber.Ctx) (status int, err error) {
	refuse := func(status int, text string) (int, error) { return status, chat.Errorf(chat.BadRequest, "%s", text) }
	if !c.Request().Header.IsHTTP11() || !lists(c, fiber.HeaderConnection, "upgrade") || !lists(c, fiber.HeaderUpgrade, "websocket") {
		c.Set(fiber.HeaderUpgrade, "websocket")
		return refuse(fiber.StatusBadRequest, "this is a WebSocket: ask by HTTP/1.1 with Connection: Upgrade and Upgrade: websocket")
	}
	if version := c.Get(fiber.HeaderSecWebSocketVersion); version != "13" {
		c.Set(fiber.HeaderSecWebSocketVersion, "13")
		if version == "" {
			return refuse(fiber.StatusBadRequest, "Sec-WebSocket-Version is missing")
		}
		return refuse(fiber.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13")
	}
	keys := c.Request().Header.PeekAll(fiber.HeaderSecWebSocketKey)
	if len(keys) != 1 {
		return refuse(fiber.StatusBadRequest, "Sec-WebSocket-Key must be there once")
	}
	if key, err := base64.StdEncoding.DecodeString(string(keys[0])); err != nil || len(key) != 16 {
		return refuse(fiber.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64")
	}
	// Programs that are no browsers send none, and need not be kept from anything: a page cannot
	// leave it out.
	if origin := c.Get(fiber.HeaderOrigin); origin != "" && !a.origins.Allow(origin) && !edge.Own(origin, string(c.Context().Host())) {
		return 0, chat.Errorf(chat.Forbidden, "this origin may not connect")
	}
	return 0, nil
}

// listed returns the members of a header that is a list, over all its lines. They alias the
// request.
func listed(c *fiber.Ctx, header string) (members []string) {
	for _, line := range c.Request().Header.PeekAll(header) {
		for member := range bytes.SplitSeq(line, []byte(",")) {
			members = append(members, utils.UnsafeString(bytes.TrimSpace(member)))
		}
	}
	return members
}

func lists(c *fiber.Ctx, header, member string) bool {
	for _, m := range listed(c, header) {
		if strings.EqualFold(m, member) {
			return true
		}
	}
	return false
}

// identify finds out who is connecting, if the handshake says.
func (a *Adapter) identify(c *fiber.Ctx, offered []string, opening *ports.Opening) error {
	token, given, err := edge.OpeningToken(c, offered)
	if err != nil || !given {
		return err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), a.cfg.VerifyTime)
	defer cancel()
	who, err := a.cfg.Verifier.Verify(ctx, token)
	if err != nil {
		return err
	}
	opening.Identity = &who
	return nil
}

// networkOf returns what one customer has to themselves as a rule: an address, or of IPv6 the
// network of 56 bits (RFC 6177).
func networkOf(remote string) string {
	at, err := netip.ParseAddr(remote)
	if err != nil {
		return remote
	}
	if at = at.Unmap().WithZone(""); at.Is4() {
		return at.String()
	}
	network, err := at.Prefix(56)
	if err != nil {
		return remote
	}
	return network.String()
}

// readJoin reads the room that the path names, and where in it to begin.
func readJoin(c *fiber.Ctx, opening *ports.Opening) error {
	if c.Params("room") == "" {
		return nil
	}
	name, err := url.PathUnescape(c.Params("room"))
	if err != nil {
		return chat.Errorf(chat.Invalid, "room must be a room id")
	}
	room, err := chat.ParseRoomID(utils.CopyString(name))
	if err != nil {
		return err
	}
	join := &ports.Join{Room: room, Limit: ports.DefaultPage}
	after, given, err := edge.Whole(c, "after", 0, int64(chat.MaxSeq))
	if err != nil {
		return err
	}
	if given {
		join.After = new(chat.Seq(after))
	}
	limit, given, err := edge.Whole(c, "limit", 0, ports.MaxPage)
	if err != nil {
		return err
	}
	if given {
		join.Limit = int(limit)
	}
	opening.Join = join
	return nil
}

// refuse answers with an error, by its kind's status unless another is given.
func (a *Adapter) refuse(c *fiber.Ctx, status int, err error) error {
	return edge.Fail(c, status, err, a.cfg.Observer, "answer a handshake")
}
