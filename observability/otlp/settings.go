package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

const stdTimeout = 10 * time.Second // of one attempt, unless OTEL_EXPORTER_OTLP_TIMEOUT is set

// settings are the settings of one signal.
type settings struct {
	signal  signal
	url     *url.URL
	grpc    bool
	gzip    bool
	headers http.Header
	timeout time.Duration // of one attempt
	tls     *tls.Config   // nil: Go's defaults
}

// signal is a kind of telemetry.
type signal struct {
	name    string // in settings and paths
	service string // of gRPC
}

var (
	traces = signal{"traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"}
	logs   = signal{"logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"}
)

// environment reads variables.
type environment func(name string) string

// of returns the value of a setting and its variable: the signal's own variable wins.
func (env environment) of(s signal, name string) (value, variable string) {
	for _, variable = range []string{
		"OTEL_EXPORTER_OTLP_" + strings.ToUpper(s.name) + "_" + name, "OTEL_EXPORTER_OTLP_" + name,
	} {
		if value = strings.TrimSpace(env(variable)); value != "" {
			break
		}
	}
	return value, variable
}

// read returns the settings of a signal, or all their faults.
func (env environment) read(s signal) (settings, error) {
	set := settings{signal: s}
	var errs [6]error
	set.grpc, errs[0] = env.protocol(s)
	set.url, errs[1] = env.endpoint(s, set.grpc)
	set.headers, errs[2] = env.headers(s)
	set.gzip, errs[3] = env.compression(s)
	set.timeout, errs[4] = env.timeout(s)
	set.tls, errs[5] = env.tls(s)
	return set, errors.Join(errs[:]...)
}

func (env environment) protocol(s signal) (grpc bool, err error) {
	value, variable := env.of(s, "PROTOCOL")
	switch value {
	case "grpc":
		return true, nil
	case "http/protobuf", "":
		return false, nil
	}
	return false, fmt.Errorf("%s=%s: want http/protobuf or grpc", variable, value)
}

// endpoint returns the URL to send to. With HTTP, the setting for all signals is the beginning of
// the URL, and the setting for one signal is the whole URL. With gRPC, only host and port are used.
func (env environment) endpoint(s signal, grpc bool) (*url.URL, error) {
	value, variable := env.of(s, "ENDPOINT")
	port := "4318"
	if grpc {
		port = "4317"
	}
	raw := value
	switch {
	case value == "":
		raw = "http://localhost:" + port
	case grpc && !strings.Contains(value, "://"):
		raw = "https://" + value
		if insecure, _ := env.of(s, "INSECURE"); strings.EqualFold(insecure, "true") {
			raw = "http://" + value
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		// The value is not shown, as it may have a password.
		return nil, fmt.Errorf("%s: want a URL such as http://collector:%s", variable, port)
	}
	switch {
	case grpc:
		u.Path, u.RawQuery = s.service, ""
	case !strings.HasSuffix(variable, "_OTLP_ENDPOINT"):
		u.Path = "/" + strings.TrimPrefix(u.Path, "/")
	default:
		u = u.JoinPath("v1", s.name)
	}
	return u, nil
}

// headers reads pairs such as "api-key=secret,team=tea%20and%20cake".
func (env environment) headers(s signal) (http.Header, error) {
	value, variable := env.of(s, "HEADERS")
	headers := http.Header{}
	for pair := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, text, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		text, err := url.PathUnescape(strings.TrimSpace(text))
		if !found || err != nil || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(text) {
			// The value is not shown, as it is a secret.
			return nil, fmt.Errorf("%s: want name=value pairs, with commas between and values URL-encoded", variable)
		}
		headers.Set(name, text)
	}
	return headers, nil
}

func (env environment) compression(s signal) (gzip bool, err error) {
	value, variable := env.of(s, "COMPRESSION")
	switch value {
	case "gzip":
		return true, nil
	case "none", "":
		return false, nil
	}
	return false, fmt.Errorf("%s=%s: want gzip or none", variable, value)
}

func (env environment) timeout(s signal) (time.Duration, error) {
	value, variable := env.of(s, "TIMEOUT")
	if value == "" {
		return stdTimeout, nil
	}
	ms, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s=%s: want milliseconds", variable, value)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// tls reads the certificates to trust, and the client certificate.
func (env environment) tls(s signal) (*tls.Config, error) {
	trusted, trustedIn := env.of(s, "CERTIFICATE")
	own, ownIn := env.of(s, "CLIENT_CERTIFICATE")
	key, keyIn := env.of(s, "CLIENT_KEY")
	if trusted == "" && own == "" && key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if trusted != "" {
		pem, err := os.ReadFile(trusted)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", trustedIn, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s=%s has no certificates (PEM)", trustedIn, trusted)
		}
	}
	if own != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(own, key)
		if err != nil {
			return nil, fmt.Errorf("%s and %s, which go together: %w", ownIn, keyIn, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
