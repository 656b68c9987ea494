package server

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/parley-chat/parley/core/logwatch"
)

// A rule concerns several settings. broken completes a sentence that begins with the name of the
// first setting, or returns an empty string if the rule holds.
type rule struct {
	about  []string
	broken func(c Config) string
}

// anyAudience is the setting that accepts tokens for any audience.
const anyAudience = "none"

const ownKeys = "PARLEY_JWT_PUBLIC_KEY_FILE or PARLEY_JWT_JWKS_URL"

var rules = []rule{
	{[]string{"tls-cert-file", "tls-key-file"}, func(c Config) string {
		return when((c.TLSCertFile == "") != (c.TLSKeyFile == ""), "and PARLEY_TLS_KEY_FILE must be set both, or neither")
	}},
	{[]string{"tls-cert-file", "tls-key-file"}, func(c Config) string {
		if c.TLSCertFile == "" || c.TLSKeyFile == "" {
			return ""
		}
		_, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile)
		return when(err != nil, "and PARLEY_TLS_KEY_FILE must hold a certificate and its key: %v", err)
	}},
	{[]string{"stop-timeout", "drain-delay", "drain"}, func(c Config) string {
		return when(c.StopTimeout > 0 && c.StopTimeout <= c.DrainDelay+c.Drain,
			"is %v; it must be longer than PARLEY_DRAIN_DELAY and PARLEY_DRAIN together, %v", c.StopTimeout, c.DrainDelay+c.Drain)
	}},
	{[]string{"admin-addr", "http-addr"}, func(c Config) string {
		_, port, err := net.SplitHostPort(c.AdminAddr)
		return when(err == nil && port != "0" && c.AdminAddr == c.HTTPAddr, "is the same as PARLEY_HTTP_ADDR; it must be another address, because it is for operators only")
	}},
	{[]string{"bus-url", "store-url"}, func(c Config) string {
		scheme := schemeOf(c.StoreURL)
		return when(c.StoreURL != "" && schemeOf(c.BusURL) != "local" && !shared(scheme),
			"must be local:// where the store is %s://: other nodes could not read this node's entries", scheme)
	}},
	{[]string{"bus-url", "bus-prefix"}, func(c Config) string {
		_, err := makers[schemeOf(c.BusURL)](c, nil, logwatch.New(logwatch.Config{}))
		return when(err != nil, "cannot be used: %v", err)
	}},
	{[]string{"jwt-jwks-url", "jwt-public-key-file"}, func(c Config) string {
		return when(len(c.JWTPublicKeyFiles) > 0 && c.JWTJWKSURL != "", "and PARLEY_JWT_PUBLIC_KEY_FILE are both set; set one of them")
	}},
	{[]string{"development", "jwt-public-key-file", "jwt-jwks-url"}, func(c Config) string {
		return when(c.Development && !c.InDevelopment(), "must not be set with %s: with keys of your own there is no development mode", ownKeys)
	}},
	{[]string{"jwt-issuer", "jwt-audience", "jwt-public-key-file", "jwt-jwks-url"}, func(c Config) string {
		return when(c.InDevelopment() && (c.JWTIssuer != "" || c.JWTAudience != ""),
			"or PARLEY_JWT_AUDIENCE is set, but nothing says whose signatures to trust; set %s", ownKeys)
	}},
	{[]string{"jwt-audience", "jwt-jwks-url"}, func(c Config) string {
		// Otherwise another rule is broken.
		alone := c.JWTJWKSURL != "" && len(c.JWTPublicKeyFiles) == 0 && !c.Development
		return when(alone && c.JWTAudience == "",
			"must say which aud the tokens for this service have, such as chat: tokens that your issuer makes for other applications are "+
				"signed by the same keys (or none, to accept them anyway)")
	}},
	{[]string{"http-addr", "development", "jwt-public-key-file", "jwt-jwks-url"}, func(c Config) string {
		return when(c.InDevelopment() && !c.Development && !loopback(c.HTTPAddr),
			"is %s, which others can reach, but nothing says whose tokens to trust; set %s (or PARLEY_DEVELOPMENT=true, to run "+
				"anyway with keys that the service makes itself)", c.HTTPAddr, ownKeys)
	}},
}

func when(broken bool, format string, args ...any) string {
	if !broken {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// broken returns a fault for each rule that c breaks, except rules about settings that have a fault
// already.
func (c Config) broken(known Faults) (faults []Fault) {
	for _, r := range rules {
		if known.has(r.about...) {
			continue
		}
		if problem := r.broken(c); problem != "" {
			faults = append(faults, Fault{envName(r.about[0]), problem})
		}
	}
	return faults
}

// loopback reports whether only this machine can reach an address to listen on.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// schemeOf returns the text before "://"; the rest may be a URL or a list of hosts.
func schemeOf(raw string) string {
	scheme, _, _ := strings.Cut(raw, "://")
	return scheme
}
