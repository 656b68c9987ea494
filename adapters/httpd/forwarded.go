package httpd

import (
	"bytes"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// client returns where a request came from. It reads X-Forwarded-For from the right, over all its
// lines: each trusted proxy vouches for the one before it, and what stands further left is whatever
// somebody wrote there.
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

// peerOf returns the other end of the connection; the address is invalid where that has none.
func peerOf(c *fiber.Ctx) (peer net.Addr, at netip.Addr) {
	peer = c.Context().Conn().RemoteAddr() // that of the context is the last request's client
	if tcp, ok := peer.(*net.TCPAddr); ok {
		at = tcp.AddrPort().Addr().Unmap()
	}
	return peer, at
}

// listed returns the members of a header that is a list, over all its lines (RFC 9110, 5.3). Empty
// ones are none.
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

// parseHop reads an address, which some proxies write with its port, or in brackets.
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

// relocate has a Location lead to where the client would find it, behind a proxy that serves us
// below a path of its own: one that is trusted says which by X-Forwarded-Prefix. Behind a trusted
// one that says nothing, Location is relative to the request, which is right below any.
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

// isPath reports whether part may stand within a path as it is, and stays there: a browser takes \
// for /, and . and .. (with escapes too) for a way up.
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
