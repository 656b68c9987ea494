package nats

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/parley-chat/parley/core/chat"
)

// Config is what a bus works with. URL is needed.
type Config struct {
	// URL names the servers: nats://host:4222, or several with commas between. The bus uses one
	// that answers, and later also others of its cluster. User and password, or a token, are before
	// the host; servers without any use the first that are given. Characters that are special in a
	// URL are escaped there (%2C for a comma). tls:// requires TLS. Parameters, after the last
	// host: creds, a credentials file, which is read at each connection; nkey, a file with an
	// nkey's seed; tls_ca, the certificates to trust instead of the system's (PEM), which requires
	// TLS too; tls_cert and tls_key, a client certificate.
	URL string
	// Prefix is the prefix of the subjects, so that several services can share servers: tokens of
	// A-Z a-z 0-9 _ - with dots between. Empty: parley.
	Prefix  string
	Name    string      // of the connection, shown in the servers' lists; empty: parley
	OnFault func(error) // called with errors in the background; it must not block; may be nil

	// Log returns the identity of the node's log. Nil: unknown, and the node hears nodes of all
	// logs.
	Log func() chat.LogID
	// Foreign is called for each notice of another log, which is dropped. It must not block. It may
	// be nil.
	Foreign func(chat.LogID)
}

const form = "nats://user:password@host:4222, several with commas between, or tls://…"

// connection returns the options of the URL, and the credentials file, if there is one.
func (c Config) connection() (o nats.Options, creds string, err error) {
	o = nats.GetDefaultOptions()
	list, query, _ := strings.Cut(c.URL, "?")
	var user *url.Userinfo
	for one := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			return o, "", errors.New(form) // without the URL: it may have a password
		}
		u.Path = ""
		o.Servers = append(o.Servers, u.String())
		if user == nil {
			user = u.User
		}
	}
	if password, both := user.Password(); both {
		o.User, o.Password = user.Username(), password
	} else {
		o.Token = user.Username()
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return o, "", errors.New(form)
	}
	err = ask(&o, parameters)
	return o, parameters.Get("creds"), err
}

// ask sets the options of the parameters.
func ask(o *nats.Options, parameters url.Values) error {
	for name, values := range parameters {
		file := values[0]
		var option nats.Option
		var err error
		switch name {
		case "creds":
			continue // it is read at each connection, because it may appear late, and change
		case "nkey":
			option, err = nats.NkeyOptionFromSeed(file)
		case "tls_ca":
			option = nats.RootCAs(file)
		case "tls_cert":
			option = nats.ClientCert(file, parameters.Get("tls_key"))
		case "tls_key":
			if !parameters.Has("tls_cert") {
				return errors.New("tls_key only with tls_cert")
			}
			continue
		default:
			return fmt.Errorf("no parameter %q: there are creds, nkey, tls_ca, tls_cert and tls_key", name)
		}
		if err == nil {
			err = option(o)
		}
		if err != nil {
			return fmt.Errorf("%s=%s cannot be used: %w", name, file, err)
		}
	}
	if parameters.Has("creds") && parameters.Has("nkey") {
		return errors.New("creds or nkey, not both")
	}
	return nil
}

// checkPrefix checks that a prefix can begin a subject.
func checkPrefix(prefix string) error {
	odd := func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && r != '_' && r != '-'
	}
	for token := range strings.SplitSeq(prefix, ".") {
		if token == "" || strings.ContainsFunc(token, odd) {
			return fmt.Errorf("prefix %q: it has tokens of A-Z a-z 0-9 _ - with dots between", prefix)
		}
	}
	return nil
}
