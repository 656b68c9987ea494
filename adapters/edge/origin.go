package edge

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Origins are the web origins (RFC 6454) that may call the service from a browser beside its own.
// The zero value is none.
type Origins struct {
	all   bool
	exact map[string]bool
	below []wildcard
}

// wildcard is all subdomains of a domain, by one scheme and port.
type wildcard struct{ before, after string } // "https://" and ".example.com:8443"

// NewOrigins returns the origins that a list allows, each as ParseOrigin has it. What is none
// allows nobody.
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

// Any reports whether there is an origin that is allowed.
func (o Origins) Any() bool { return o.all || len(o.exact) > 0 || len(o.below) > 0 }

// Allow reports whether a page of origin, a request's header, may call the service.
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

// Own reports whether a page of origin is the service's own, whom the client calls host. Whether
// that is by TLS is not ours to know behind a proxy: the host decides, with either scheme's default
// port.
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

// defaultPorts are those of the schemes that pages have.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

var (
	errOrigin = errors.New("a scheme and a host, such as https://app.example:8443, https://*.example.com (its subdomains) or " +
		"capacitor://localhost, or * for all")
	errNull   = errors.New("an origin that names somebody: null is any page in a sandbox; * allows all")
	errSocket = errors.New("the origin of a page, with https:// or http://")
	errTop    = errors.New("with two labels behind the star at least, such as https://*.example.com (or http://*.localhost)")
)

// ParseOrigin returns an entry of a list of origins in the one form of all that mean the same: an
// origin; a scheme and a host that begins with "*.", which stands for the subdomains of what
// follows, however deep; or "*", for all. The error completes "it should be …".
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
// scheme's default port. What is none, such as the "null" of a page in a sandbox, is an error.
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

// names are host names as browsers take them (the URL standard, "domain to ASCII"): lenient in what
// characters they have.
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

// endsInNumber reports whether browsers take a host for an address, and write it as one (the URL
// standard, "ends in a number checker"): 127.1 is 127.0.0.1 to them.
func endsInNumber(name string) bool {
	name = strings.TrimSuffix(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
