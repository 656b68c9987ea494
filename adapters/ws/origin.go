package ws

import (
	"net"
	"net/url"
	"strings"
)

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

// allow reports whether a page of origin may open a socket on a service that the client calls host. Whether that is by TLS is not
// ours to know behind a proxy: the host decides, with either scheme's default port.
func (o origins) allow(origin, host string) bool {
	if o.all {
		return true
	}
	from, ok := canonical(origin)
	if !ok {
		return false
	}
	for _, scheme := range []string{"http", "https"} {
		if own, ok := canonical(scheme + "://" + host); ok && own == from {
			return true
		}
	}
	return o.some[from]
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// canonical returns an origin (RFC 6454) in lower case and without its scheme's default port; false for what is none, such as the
// "null" of a sandboxed page.
func canonical(origin string) (string, bool) {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	defaultPort, web := defaultPorts[u.Scheme] // which Parse has lowered
	if !web {
		return "", false
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port), true
}
