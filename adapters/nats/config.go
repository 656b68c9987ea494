package nats

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"
)

// Config is what a Bus works with. URL is needed.
type Config struct {
	// URL is where the servers are: nats://host:4222, or several with commas between. User and password, or a token, stand before the
	// host. tls:// asks for TLS. Parameters, behind the last: creds, a credentials file; nkey, a file with an nkey's seed; tls_ca, the
	// certificates to trust (PEM); tls_cert and tls_key, a client's own.
	URL     string
	Prefix  string      // of the subjects, so that several services can share servers; empty: parley
	Name    string      // of the connection, for the servers' own lists; empty: parley
	OnFault func(error) // told of what goes wrong in the background; nil: nobody is
}

const form = "nats://user:password@host:4222, several with commas between, or tls://…"

// servers returns the servers' URLs, and what else the URL asks for.
func (c Config) servers() (servers []string, options []nats.Option, err error) {
	list, query, _ := strings.Cut(c.URL, "?")
	for one := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			return nil, nil, errors.New(form) // without the URL: it may have a password
		}
		u.Path = ""
		servers = append(servers, u.String())
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return nil, nil, errors.New(form)
	}
	options, err = asked(parameters)
	return servers, options, err
}

// asked returns the options that parameters ask for.
func asked(parameters url.Values) (options []nats.Option, err error) {
	for name, values := range parameters {
		file := values[0]
		switch name {
		case "creds":
			options = append(options, nats.UserCredentials(file))
		case "nkey":
			option, err := nats.NkeyOptionFromSeed(file)
			if err != nil {
				return nil, fmt.Errorf("nkey=%s, which cannot be used: %w", file, err)
			}
			options = append(options, option)
		case "tls_ca":
			options = append(options, nats.RootCAs(file))
		case "tls_cert":
			options = append(options, nats.ClientCert(file, parameters.Get("tls_key")))
		case "tls_key":
			if !parameters.Has("tls_cert") {
				return nil, errors.New("tls_key only with tls_cert")
			}
		default:
			return nil, fmt.Errorf("no parameter %q: there are creds, nkey, tls_ca, tls_cert and tls_key", name)
		}
	}
	return options, nil
}
