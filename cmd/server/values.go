package server

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/adapters/ws"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/observability"
)

// The functions of this file read one value each. Their errors complete "it should be …".

func text(s string) (string, error) { return s, nil }

func boolean(s string) (bool, error) {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return false, errors.New("true or false")
	}
	return v, nil
}

// onOff reads whether something is on: as a boolean, or in these words.
func onOff(s string) (bool, error) {
	switch s {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return boolean(s)
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("a duration above zero, such as 10s or 1m30s")
	}
	return d, nil
}

// delay reads a duration that may be 0.
func delay(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errors.New("a duration such as 5s, or 0s")
	}
	return d, nil
}

// grace reads a duration; off is a negative one.
func grace(s string) (time.Duration, error) {
	if s == "off" {
		return -1, nil
	}
	d, err := duration(s)
	if err != nil {
		return 0, errors.New("a duration above zero, such as 10s, or off")
	}
	return d, nil
}

// linger reads a short duration; off is a negative one.
func linger(s string) (time.Duration, error) {
	if s == "off" {
		return -1, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > 100*time.Millisecond {
		return 0, errors.New("a duration above zero and up to 100ms, or off")
	}
	return d, nil
}

func sockets(s string) (Sockets, error) {
	switch way := Sockets(s); way {
	case SocketsAuto, SocketsGoroutine:
		return way, nil
	case SocketsPolled:
		if ws.CanPoll {
			return way, nil
		}
		return "", errors.New("auto or goroutine: this system supports no other way")
	}
	return "", errors.New("auto, polled or goroutine")
}

func count(minimum int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < minimum || n > math.MaxInt32 {
			return 0, fmt.Errorf("a whole number, %d at least", minimum)
		}
		return n, nil
	}
}

// countUpTo reads a number from 1 to maximum.
func countUpTo(maximum int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := count(1)(s)
		if err != nil || n > maximum {
			return 0, fmt.Errorf("a whole number from 1 to %d", maximum)
		}
		return n, nil
	}
}

// countOrOff reads a number; off becomes a negative one, and so does 0, which meant off in earlier
// releases.
func countOrOff(s string) (int, error) {
	if s == "off" || s == "0" {
		return -1, nil
	}
	n, err := count(1)(s)
	if err != nil {
		return 0, errors.New("a whole number, 1 at least, or off")
	}
	return n, nil
}

func showCountOrOff(n int) string {
	if n < 0 {
		return "off"
	}
	return strconv.Itoa(n)
}

// refuseOrWarn returns true for warn.
func refuseOrWarn(s string) (warn bool, err error) {
	if s != "refuse" && s != "warn" {
		return false, errors.New("refuse or warn")
	}
	return s == "warn", nil
}

func showRefuseOrWarn(warn bool) string {
	if warn {
		return "warn"
	}
	return "refuse"
}

func address(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	n, badPort := strconv.ParseUint(port, 10, 16)
	if err != nil || badPort != nil || strconv.FormatUint(n, 10) != port || strings.ContainsAny(host, "/ ") {
		return "", errors.New("host:port, such as 127.0.0.1:8080 or :8080")
	}
	return s, nil
}

func file(s string) (string, error) {
	info, err := os.Stat(s)
	switch {
	case err != nil:
		return "", fmt.Errorf("a file that can be read: %w", err)
	case info.IsDir():
		return "", errors.New("a file, and is a directory")
	}
	return s, nil
}

func keyFile(s string) (string, error) {
	if _, err := jwt.ReadKeys(s); err != nil {
		return "", fmt.Errorf("a file with public keys in PEM: %w", err)
	}
	return s, nil
}

// list reads values separated by commas.
func list[T any](parse func(string) (T, error)) func(string) ([]T, error) {
	return func(s string) ([]T, error) {
		var all []T
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			v, err := parse(part)
			if err != nil {
				return nil, fmt.Errorf("a list, where each (and %q is not) is %w", part, err)
			}
			all = append(all, v)
		}
		return all, nil
	}
}

func network(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errors.New("a network such as 10.0.0.0/8, or an address")
	}
	return p.Masked(), nil
}

func webURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("a URL such as https://id.example/.well-known/jwks.json")
	}
	return s, nil
}

var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

func algorithm(s string) (string, error) {
	if !slices.Contains(algorithms, s) {
		return "", fmt.Errorf("one of %s", strings.Join(algorithms, ", "))
	}
	return s, nil
}

// rate reads RATE/s or RATE/s:BURST; off is a negative one. Without a burst, it is five seconds'
// worth of the rate.
func rate(s string) (messaging.Rate, error) {
	bad := errors.New("RATE/s, RATE/s:BURST (both above zero, such as 50/s:250), or off")
	if s == "off" {
		return messaging.Rate{PerSecond: -1}, nil
	}
	perSecond, burst, hasBurst := strings.Cut(s, ":")
	number, ok := strings.CutSuffix(perSecond, "/s")
	r, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(r > 0) || r > 1e9 {
		return messaging.Rate{}, bad
	}
	limit := messaging.Rate{PerSecond: r, Burst: int(max(1, math.Ceil(5*r)))}
	if hasBurst {
		if limit.Burst, err = count(1)(burst); err != nil {
			return messaging.Rate{}, bad
		}
	}
	return limit, nil
}

func showRate(r messaging.Rate) string {
	if r.PerSecond < 0 {
		return "off"
	}
	return strconv.FormatFloat(r.PerSecond, 'f', -1, 64) + "/s:" + strconv.Itoa(r.Burst)
}

// hourly reads a number per hour, which is also the burst.
func hourly(s string) (messaging.Rate, error) {
	if s == "off" {
		return messaging.Rate{PerSecond: -1}, nil
	}
	n, err := count(1)(s)
	if err != nil {
		return messaging.Rate{}, errors.New("a whole number from 1 on, or off")
	}
	return messaging.Rate{PerSecond: float64(n) / 3600, Burst: n}, nil
}

func showHourly(r messaging.Rate) string {
	if r.PerSecond < 0 {
		return "off"
	}
	return strconv.Itoa(r.Burst)
}

func level(s string) (slog.Level, error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	l, ok := levels[strings.ToLower(s)]
	if !ok {
		return 0, errors.New("debug, info, warn or error")
	}
	return l, nil
}

func logFormat(s string) (observability.LogFormat, error) {
	switch f := observability.LogFormat(strings.ToLower(s)); f {
	case observability.JSON, observability.Text:
		return f, nil
	default:
		return "", errors.New("json or text")
	}
}
