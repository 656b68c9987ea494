package edge

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Origins are the web origins (RFC 6454), other than the service's own, that may call it from a
// browser. The zero value allows none.
type Origins struct {
	all   bool
	exact map[string]bool
	below []wildcard
}

// wildcard is all subdomains of a domain, with one scheme and port.
type wildcard struct{ before, after string } // "https://" and ".example.com:8443"

// NewOrigins returns the origins of a list, each in the form of ParseOrigin. Invalid ones are
// ignored.
func NewOrigins(list []string) Origins {
	o := Origins{exact: map[string]bool{}}
	for _, text := range list {
		origin, err := ParseOrigin(text)
		before, after, wild := strings.Cut(origin, "*")
		switch {
		case err != nil:
		case origin == "*":
			o.all = true
		case wild:
			o.below = append(o.below, wildcard{before, after})
		default:
			o.exact[origin] = true
		}
	}
	return o
}

// Any reports whether any origin is allowed.
func (o Origins) Any() bool { return o.all || len(o.exact) > 0 || len(o.below) > 0 }

// Allow reports whether a page of origin, the value of a request's header, may call the service.
func (o Origins) Allow(origin string) bool {
	if o.all {
		return true
	}
	from, err := canonical(origin)
	if err != nil {
		return false
	}
	if o.exact[from] {
		return true
	}
	for _, w := range o.below {
		sub, ok := strings.CutPrefix(from, w.before)
		if !ok {
			continue
		}
		if sub, ok = strings.CutSuffix(sub, w.after); ok && sub != "" && sub[0] != '.' && !strings.HasSuffix(sub, ".") {
			return true
		}
	}
	return false
}

// Own reports whether a page of origin is the service's own; host is the request's host. Behind a
// proxy the service does not know whether the client uses TLS. So only the host is compared, with
// the default port of either scheme.
func Own(origin, host string) bool {
	from, err := canonical(origin)
	if err != nil {
		return false
	}
	for scheme := range defaultPorts {
		if own, err := canonical(scheme + "://" + host); err == nil && own == from {
			return true
		}
	}
	return false
}

// defaultPorts are the default ports of the schemes of web pages.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

var (
	errOrigin = errors.New("a scheme and a host, such as https://app.example:8443, https://*.example.com (its subdomains) or " +
		"capacitor://localhost, or * for all")
	errNull   = errors.New("an origin with a host: null stands for any sandboxed page; * allows all")
	errSocket = errors.New("the origin of a page, with https:// or http://")
	errTop    = errors.New("a domain of at least two labels after the star, such as https://*.example.com (or http://*.localhost)")
)

// ParseOrigin returns an entry of a list of origins in its canonical form. An entry is an origin;
// or a scheme and a host that begins with "*.", which stands for all subdomains of the rest, at any
// depth; or "*", for all origins. The error completes "it should be …".
func ParseOrigin(text string) (string, error) {
	if text == "*" {
		return text, nil
	}
	scheme, rest, ok := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case text == "null":
		return "", errNull
	case !ok:
		return "", errOrigin
	case scheme == "ws" || scheme == "wss":
		return "", errSocket
	}
	parent, wild := strings.CutPrefix(rest, "*.")
	if _, page := defaultPorts[scheme]; wild && !page {
		return "", errOrigin
	}
	origin, err := canonical(scheme + "://" + strings.TrimSuffix(parent, "/"))
	if err != nil || !wild {
		return origin, err
	}
	_, host, _ := strings.Cut(origin, "://")
	name, _, _ := strings.Cut(host, ":")
	if strings.HasPrefix(host, "[") || isAddress(name) {
		return "", errOrigin
	}
	if name != "localhost" && !strings.Contains(strings.Trim(name, "."), ".") {
		return "", errTop
	}
	return scheme + "://*." + host, nil
}

func isAddress(host string) bool { _, err := netip.ParseAddr(host); return err == nil }

// canonical returns an origin as browsers write it: in lower case, its host in ASCII, without its
// scheme's default port. Other values are an error, such as the "null" of a sandboxed page.
func canonical(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || strings.ContainsAny(origin, "?#\\ ") {
		return "", errOrigin
	}
	host, err := asciiHost(u.Hostname())
	if _, page := defaultPorts[u.Scheme]; err != nil || page && !isAddress(host) && endsInNumber(host) {
		return "", errOrigin
	}
	port := u.Port()
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return "", errOrigin
		}
		port = strconv.FormatUint(n, 10)
	}
	if port != "" && port != defaultPorts[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil // Parse has lowered the scheme
}

// names converts host names like browsers (the URL standard, "domain to ASCII"), which accept many
// characters.
var names = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false))

// asciiHost returns a host as browsers write it: an address in its shortest form, a name in lower
// case and ASCII (RFC 5891).
func asciiHost(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Is6() {
			return "[" + addr.String() + "]", nil
		}
		return addr.String(), nil
	}
	if strings.ContainsAny(host, "*:[]%/ ") {
		return "", errOrigin
	}
	return names.ToASCII(host)
}

// endsInNumber reports whether browsers treat a host as an IPv4 address (the URL standard, "ends in
// a number checker"): 127.1 is 127.0.0.1 to them.
func endsInNumber(name string) bool {
	name = strings.TrimSuffix(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
