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

// handshake refuses a request that may not become a socket, with an HTTP error. Otherwise it stores
// its results for the connection. All checks come before the library sees the request, because the
// library would answer every failure with 426.
func (a *Adapter) handshake(c *fiber.Ctx) error {
	if !edge.Keeps(c) {
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
	if err := a.cfg.Sessions.Ready(nil); err != nil { // verify no token if the node accepts nobody
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
		// Otherwise a browser would end the connection, because no offered subprotocol was chosen.
		return a.refuse(c, fiber.StatusBadRequest, chat.Errorf(chat.BadRequest, "offer the subprotocol %s beside bearer.<token>", Subprotocol))
	}
	if speaks { // the library sends this header, and does not repeat other offers
		c.Set(fiber.HeaderSecWebSocketProtocol, Subprotocol)
	}
	var extension string
	if a.cfg.Compress {
		extension, opening.Packing = negotiate(c)
	}
	c.Locals(openingKey, opening)
	if err := c.Next(); err != nil {
		return err
	}
	if extension != "" { // not before: the library refuses a request whose answer has this header already
		c.Set(fiber.HeaderSecWebSocketExtensions, extension)
	}
	// The session writes the answer, with its first frame: a write costs more than all else here.
	opening.Head = bytes.Clone(c.Response().Header.Header())
	c.Context().HijackSetNoResponse(true)
	return nil
}

// upgradable checks a client's handshake by RFC 6455, 4.2.1, and its origin. If status is 0, the
// error's kind determines it.
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
	// Other programs than browsers send no origin, and are accepted: a web page cannot leave it
	// out.
	if origin := c.Get(fiber.HeaderOrigin); origin != "" && !a.origins.Allow(origin) && !edge.Own(origin, string(c.Context().Host())) {
		return 0, chat.Errorf(chat.Forbidden, "this origin may not connect")
	}
	return 0, nil
}

// listed returns the members of a list header, over all its lines. They are memory of the request.
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

// identify verifies the handshake's token, if it has one.
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

// networkOf returns the network that usually belongs to one customer: an IPv4 address, or an IPv6
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

// readJoin reads the room in the path, and the cursor to begin from.
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

// refuse answers with an error. If status is 0, the error's kind determines it.
func (a *Adapter) refuse(c *fiber.Ctx, status int, err error) error {
	return edge.Fail(c, status, err, a.cfg.Observer, "answer a handshake")
}
