package httpd

import (
	"bytes"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// client returns the client's address. It reads X-Forwarded-For from the right, over all its lines:
// each trusted proxy vouches for the address before it. Addresses further left cannot be trusted.
func (s *Server) client(c *fiber.Ctx) net.Addr {
	peer, at := peerOf(c)
	if !at.IsValid() {
		return peer
	}
	hops := listed(c, fiber.HeaderXForwardedFor)
	for i := len(hops) - 1; i >= 0 && s.trusts(at); i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			break
		}
		at = hop
	}
	return &net.TCPAddr{IP: at.AsSlice(), Zone: at.Zone()}
}

// peerOf returns the other end of the connection; at is invalid if that has no IP address.
func peerOf(c *fiber.Ctx) (peer net.Addr, at netip.Addr) {
	peer = c.Context().Conn().RemoteAddr() // the context's address is the last request's client
	if tcp, ok := peer.(*net.TCPAddr); ok {
		at = tcp.AddrPort().Addr().Unmap()
	}
	return peer, at
}

// listed returns the members of a list header, over all its lines (RFC 9110, 5.3), without empty
// ones.
func listed(c *fiber.Ctx, header string) (members []string) {
	for _, line := range c.Request().Header.PeekAll(header) {
		for member := range bytes.SplitSeq(line, []byte(",")) {
			if member = bytes.TrimSpace(member); len(member) > 0 {
				members = append(members, string(member))
			}
		}
	}
	return members
}

// parseHop parses an address, which some proxies write with a port, or in brackets.
func parseHop(text string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap(), true
	}
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap(), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			addr, err := netip.ParseAddr(inner)
			return addr.Unmap(), err == nil && addr.Is6()
		}
	}
	return netip.Addr{}, false
}

func (s *Server) trusts(addr netip.Addr) bool {
	for _, network := range s.cfg.TrustedProxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// relocate makes a Location right for the client if a proxy serves the service below a path prefix.
// A trusted proxy sends the prefix in X-Forwarded-Prefix. If a trusted proxy does not, Location
// becomes relative to the request, which is right below any prefix.
func (s *Server) relocate(c *fiber.Ctx) {
	location, rooted := strings.CutPrefix(c.GetRespHeader(fiber.HeaderLocation), "/")
	if _, at := peerOf(c); !rooted || !at.IsValid() || !s.trusts(at) {
		return
	}
	var prefix strings.Builder
	for _, part := range listed(c, "X-Forwarded-Prefix") {
		if part = strings.Trim(part, "/"); isPath(part) {
			prefix.WriteString("/" + part)
		}
	}
	if prefix.Len() == 0 {
		c.Set(fiber.HeaderLocation, strings.Repeat("../", strings.Count(string(c.Context().URI().PathOriginal()), "/")-1)+location)
		return
	}
	c.Set(fiber.HeaderLocation, prefix.String()+"/"+location)
}

// isPath reports whether part may be a part of a path and does not change its meaning: a browser
// reads \ as /, and resolves . and .. (escaped ones too).
func isPath(part string) bool {
	if !plain(part) || strings.ContainsAny(part, `\?#`) {
		return false
	}
	for segment := range strings.SplitSeq(part, "/") {
		if name, err := url.PathUnescape(segment); err != nil || name == "." || name == ".." {
			return false
		}
	}
	return true
}
