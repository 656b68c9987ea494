package webhook

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/parley-chat/parley/core/chat"
)

// guard decides which addresses may be dialled: public ones, and those that the operator allows.
type guard struct {
	allowed []netip.Prefix
	public  *ssrf.Guardian
}

func newGuard(allowed []netip.Prefix) *guard {
	return &guard{allowed, ssrf.New(ssrf.WithAnyPort())}
}

var errGuard = errors.New("the address is of a network that is not public, and that the operator does not allow by PARLEY_HOOKS_ALLOW")

var errPlain = errors.New("without TLS only networks that the operator allows by PARLEY_HOOKS_ALLOW are reached: take https://")

// control returns a function for net.Dialer. It checks the address that a name was resolved to,
// each time that it is dialled. Without TLS (plain), only addresses that the operator allows may be
// dialled.
func (g *guard) control(plain bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return errGuard
		}
		return g.reaches(to.Addr().Unmap(), plain)
	}
}

// reaches returns an error for an address that must not be dialled.
func (g *guard) reaches(to netip.Addr, plain bool) error {
	network := "tcp6"
	if to.Is4() {
		network = "tcp4"
	}
	switch {
	case g.allows(to):
		return nil
	case g.public.Safe(network, netip.AddrPortFrom(to, anyPort).String(), nil) != nil:
		return errGuard
	case plain:
		return errPlain
	}
	return nil
}

const anyPort = 443 // every port is allowed, so any that the library allows will do

// allows reports whether the operator allows an address.
func (g *guard) allows(a netip.Addr) bool {
	for _, network := range g.allowed {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

const maxURLBytes = 2000

// check returns an Invalid error for a URL to which nothing can be delivered.
func (g *guard) check(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > maxURLBytes:
		return chat.Errorf(chat.Invalid, "url must have at most %d bytes", maxURLBytes)
	case err != nil || u.Opaque != "" || u.Hostname() == "" || strings.ContainsAny(u.Hostname(), " %"):
		return chat.Errorf(chat.Invalid, "url must be a URL such as https://chat.example.com/hook")
	case u.Scheme != "https" && (u.Scheme != "http" || len(g.allowed) == 0):
		return chat.Errorf(chat.Invalid, "url must begin with https://, unless the operator allows networks by PARLEY_HOOKS_ALLOW")
	case u.User != nil || u.Fragment != "":
		return chat.Errorf(chat.Invalid, "url must have no user, password or fragment")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return chat.Errorf(chat.Invalid, "url must have a port from 1 to 65535")
		}
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := g.reaches(ip.Unmap(), u.Scheme == "http"); err != nil {
			return chat.Errorf(chat.Invalid, "url must not lead to %s: %v", ip, err)
		}
	}
	return nil
}
