package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

const (
	dialTime   = 2 * time.Second
	answerTime = 3 * time.Second
)

// Config is what a bus works with. URL is needed.
type Config struct {
	// URL names the servers: redis://user:password@host:6379, or
	// redis+cluster://host:6379,host:6379 for a Redis Cluster, where some servers are enough to
	// find the others. rediss and rediss+cluster require TLS. A database after the host, such as
	// /0, is allowed and makes no difference to publish and subscribe. The parameter tls_ca is a
	// file with the certificates to trust (PEM).
	URL     string
	Prefix  string      // prefix of the channels, for services that share servers; empty: parley
	Name    string      // name of the connections in CLIENT LIST; empty: parley
	OnFault func(error) // called with errors in the background; may be nil

	// Log returns the identity of the node's log. Nil: unknown, and the node hears nodes of all
	// logs.
	Log func() chat.LogID
	// Foreign is called for each notice of another log, which is dropped. It must not block. It may
	// be nil.
	Foreign func(chat.LogID)
}

const form = "redis://user:password@host:6379, redis+cluster://host:6379,host:6379, or with rediss for TLS"

// servers returns the servers of the URL.
func (c Config) servers() (*servers, error) {
	scheme, rest, _ := strings.Cut(c.URL, "://")
	kind, suffix, _ := strings.Cut(scheme, "+")
	if kind != "redis" && kind != "rediss" || suffix != "" && suffix != "cluster" {
		return nil, errors.New(form)
	}
	rest, query, _ := strings.Cut(rest, "?")
	login, hosts, found := cutLast(rest, "@")
	if !found {
		login, hosts = "", rest
	}
	hosts, database, _ := strings.Cut(hosts, "/")
	s := &servers{name: c.Name, cluster: suffix == "cluster"}
	if login != "" {
		u, err := url.Parse("redis://" + login + "@host")
		if err != nil {
			return nil, errors.New(form) // without the URL: it may have a password
		}
		s.username = u.User.Username()
		s.password, _ = u.User.Password()
	}
	for host := range strings.SplitSeq(hosts, ",") {
		u, err := url.Parse("redis://" + host)
		if err != nil || u.Hostname() == "" {
			return nil, errors.New(form)
		}
		port := u.Port()
		if port == "" {
			port = "6379"
		}
		s.addrs = append(s.addrs, net.JoinHostPort(u.Hostname(), port))
	}
	if !s.cluster && len(s.addrs) > 1 {
		return nil, errors.New("several hosts with redis+cluster:// only")
	}
	if database != "" {
		if _, err := strconv.ParseUint(database, 10, 31); err != nil {
			return nil, errors.New(form)
		}
	}
	if err := s.secure(kind == "rediss", query); err != nil {
		return nil, err
	}
	return s.open(), nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// secure sets TLS from the URL.
func (s *servers) secure(byTLS bool, query string) error {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return errors.New(form)
	}
	for name := range parameters {
		if name != "tls_ca" {
			return fmt.Errorf("no parameter %q: there is tls_ca", name)
		}
	}
	if !byTLS {
		if parameters.Has("tls_ca") {
			return errors.New("tls_ca with rediss only")
		}
		return nil
	}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	path := parameters.Get("tls_ca")
	if path == "" {
		return nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("tls_ca: %w", err)
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("tls_ca=%s has no certificates (PEM)", path)
	}
	return nil
}
