package ws

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// handshake refuses what may not become a socket, and says why in HTTP; and leaves for the connection what it found.
func (a *Adapter) handshake(c *fiber.Ctx) error {
	if status, err := a.upgradable(c); err != nil {
		return refuse(c, status, err)
	}
	opening := &ports.Opening{Remote: c.IP()}
	if err := readJoin(c, opening); err != nil {
		return refuse(c, fiber.StatusBadRequest, err)
	}
	if err := a.cfg.Sessions.Ready(); err != nil {
		return refuse(c, 0, err)
	}
	if token := token(c); token != "" {
		who, err := a.cfg.Verifier.Verify(c.UserContext(), token)
		if err != nil {
			return refuse(c, 0, err)
		}
		opening.Identity = &who
	}
	c.Locals(openingKey, opening)
	return c.Next()
}

// upgradable checks what RFC 6455, 4.2.1 asks of a client's handshake, and its origin.
func (a *Adapter) upgradable(c *fiber.Ctx) (status int, err error) {
	bad := func(text string) (int, error) {
		return fiber.StatusBadRequest, chat.Errorf(chat.BadRequest, "%s", text)
	}
	if !hasToken(c.Get(fiber.HeaderConnection), "upgrade") || !strings.EqualFold(c.Get(fiber.HeaderUpgrade), "websocket") {
		c.Set(fiber.HeaderUpgrade, "websocket")
		return fiber.StatusUpgradeRequired, chat.Errorf(chat.BadRequest, "this is a WebSocket: ask for the upgrade")
	}
	if c.Get(fiber.HeaderSecWebSocketVersion) != "13" {
		c.Set(fiber.HeaderSecWebSocketVersion, "13")
		return fiber.StatusUpgradeRequired, chat.Errorf(chat.BadRequest, "Sec-WebSocket-Version must be 13")
	}
	if key, err := base64.StdEncoding.DecodeString(c.Get(fiber.HeaderSecWebSocketKey)); err != nil || len(key) != 16 {
		return bad("Sec-WebSocket-Key must be 16 bytes in base64")
	}
	if origin := c.Get(fiber.HeaderOrigin); origin != "" && !a.origins.allow(origin, c.Protocol(), string(c.Context().Host())) {
		return 0, chat.Errorf(chat.Forbidden, "this origin may not connect")
	}
	return 0, nil
}

func hasToken(header, token string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if strings.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}

// token returns the token of the first place that has one.
func token(c *fiber.Ctx) string {
	if scheme, token, ok := strings.Cut(c.Get(fiber.HeaderAuthorization), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return utils.CopyString(strings.TrimSpace(token))
	}
	for part := range strings.SplitSeq(c.Get(fiber.HeaderSecWebSocketProtocol), ",") {
		if token, ok := strings.CutPrefix(strings.TrimSpace(part), "bearer."); ok && token != "" {
			return utils.CopyString(token)
		}
	}
	return utils.CopyString(c.Query("access_token"))
}

// readJoin reads the room that the path names.
func readJoin(c *fiber.Ctx, opening *ports.Opening) error {
	name := c.Params("room")
	if name == "" {
		return nil
	}
	name, err := url.PathUnescape(name)
	if err != nil {
		return chat.Errorf(chat.Invalid, "room must be a room id")
	}
	room, err := chat.ParseRoomID(utils.CopyString(name))
	if err != nil {
		return err
	}
	join := &ports.Join{Room: room, Limit: ports.DefaultPage}
	if text := c.Query("after"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > int64(chat.MaxSeq) {
			return chat.Errorf(chat.Invalid, "after must be a whole number from 0 to %d", chat.MaxSeq)
		}
		after := chat.Seq(n)
		join.After = &after
	}
	if text := c.Query("limit"); text != "" {
		if join.Limit, err = strconv.Atoi(text); err != nil || join.Limit < 0 || join.Limit > ports.MaxPage {
			return chat.Errorf(chat.Invalid, "limit must be a whole number from 0 to %d", ports.MaxPage)
		}
	}
	opening.Join = join
	return nil
}

// refuse answers with an error, by its kind's status unless another is given.
func refuse(c *fiber.Ctx, status int, err error) error {
	e := chat.AsError(err)
	if status == 0 {
		status = wire.HTTPStatus(e.Kind)
	}
	if e.Kind == chat.Unavailable || e.Kind == chat.RateLimited {
		seconds := max(1, int(e.RetryAfter.Seconds()+0.999))
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(seconds))
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(status).Send(wire.AppendHTTPError(nil, e, ""))
}

// origins are the web origins that may connect beside the service's own.
type origins struct {
	all  bool
	some map[string]bool
}

func newOrigins(list []string) origins {
	o := origins{some: map[string]bool{}}
	for _, text := range list {
		if text == "*" {
			o.all = true
		} else if origin, ok := canonical(text); ok {
			o.some[origin] = true
		}
	}
	return o
}

// allow reports whether a page of origin may open a socket on a service that the client calls host.
func (o origins) allow(origin, scheme, host string) bool {
	if o.all {
		return true
	}
	from, ok := canonical(origin)
	if !ok {
		return false
	}
	// Behind a proxy that ends TLS the scheme is not ours to know: the host tells.
	for _, s := range []string{scheme, "http", "https"} {
		if own, ok := canonical(s + "://" + host); ok && own == from {
			return true
		}
	}
	return o.some[from]
}

// canonical returns an origin in lower case and without its scheme's default port.
func canonical(origin string) (string, bool) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "HTTP" && u.Scheme != "HTTPS" {
		return "", false
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if port == "80" && scheme == "http" || port == "443" && scheme == "https" {
		port = ""
	}
	if port != "" {
		port = ":" + port
	}
	return scheme + "://" + host + port, true
}
