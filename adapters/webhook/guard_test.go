package webhook_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/parley-chat/parley/adapters/webhook"
	"github.com/parley-chat/parley/core/chat"
)

const guarded = "the address is of a network that is not public, and that the operator does not allow by PARLEY_HOOKS_ALLOW"

func TestURLsToWhichNothingIsDelivered(t *testing.T) {
	t.Parallel()
	strict := courier(t, webhook.Config{Allow: []netip.Prefix{}})
	for _, url := range []string{
		"", "/in", "example.org", "http://example.org/", "ftp://example.org/", "https:///in", "https://:443/", "https:example.org", "https://user:secret@example.org/",
		"https://example.org/#x", "https://example.org:0/", "https://example.org:65536/", "https://example.org:x/", "https://exa mple.org/", "https://[::1/",
		"https://127.0.0.1/", "https://10.1.2.3/", "https://172.16.0.1", "https://192.168.1.1:8443/", "https://169.254.169.254/latest/meta-data/",
		"https://100.64.0.1/", "https://0.0.0.0/", "https://[::]/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[fe80::1]/",
		"https://[fc00::1]/", "https://[fe80::1%25eth0]/", "https://224.0.0.1/", "https://255.255.255.255/", "https://[64:ff9b::a00:1]/",
		"https://" + strings.Repeat("x", 2000) + "/",
	} {
		if err := strict.CheckURL(url); !errors.Is(err, chat.Invalid) {
			t.Errorf("%s: got %v", url, err)
		}
	}
	open := courier(t, webhook.Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for url, ok := range map[string]bool{
		"http://10.1.2.3/": true, "https://10.1.2.3/": true, "https://[::ffff:10.0.0.1]/": true, "http://chat.internal:8080/in?a=b": true,
		"https://93.184.216.34/": true, "https://[2606:2800:220:1::1]/": true,
		"http://93.184.216.34/": false, "http://11.0.0.1/": false, "https://127.0.0.1/": false,
	} {
		if err := open.CheckURL(url); (err == nil) != ok {
			t.Errorf("%s: got %v", url, err)
		}
	}
	const plain = "url must not lead to 93.184.216.34: without TLS only networks that the operator allows by PARLEY_HOOKS_ALLOW are reached: take https://"
	if err := open.CheckURL("http://93.184.216.34/"); chat.AsError(err).Reason != plain {
		t.Errorf("a public one without TLS: %v", err)
	}
	if err := strict.CheckURL("https://chat.example.com:8443/in?a=b"); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

// TestAnAddressIsLookedAtWhenItIsDialled has names and spellings that only a resolver knows to mean
// this machine.
func TestAnAddressIsLookedAtWhenItIsDialled(t *testing.T) {
	t.Parallel()
	var came atomic.Int64
	s := endpoint(t, func(http.ResponseWriter, *http.Request) { came.Add(1) })
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := courier(t, webhook.Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, host := range []string{"localhost", "127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"} {
		for _, scheme := range []string{"http", "https"} {
			r, err := c.Deliver(t.Context(), parcel(scheme+"://"+host+":"+port+"/"))
			if err == nil {
				t.Errorf("%s://%s: got %+v", scheme, host, r)
			}
		}
	}
	fails(t, c, parcel("http://localhost:"+port), chat.Forbidden, guarded)
	if came.Load() > 0 {
		t.Errorf("%d came through", came.Load())
	}
}

// resolver answers each question with the next address, and the last one for ever.
func resolver(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answerNames(conn, addresses)
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func answerNames(conn net.PacketConn, addresses []string) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.Additionals = true, nil
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			address := netip.MustParseAddr(addresses[0])
			if len(addresses) > 1 {
				addresses = addresses[1:]
			}
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: address.As4()},
			}}
		}
		if answer, err := m.Pack(); err == nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

func TestANameThatChangesItsAddressIsRefused(t *testing.T) {
	t.Parallel()
	s := endpoint(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := courier(t, webhook.Config{Resolver: resolver(t, "127.0.0.1", "127.0.0.2")})
	p := parcel("http://rebound.example.org:" + port + "/")
	if r, err := c.Deliver(t.Context(), p); err != nil || r.Status != 200 {
		t.Fatalf("got %+v, %v", r, err)
	}
	fails(t, c, p, chat.Forbidden, guarded)
	public := courier(t, webhook.Config{Resolver: resolver(t, "93.184.216.34")}) // it is not dialled
	fails(t, public, parcel("http://public.example.org:"+port+"/"), chat.Forbidden,
		"without TLS only networks that the operator allows by PARLEY_HOOKS_ALLOW are reached: take https://")
	p.URL = "https://rebound.example.org:" + port + "/"
	fails(t, c, p, chat.Forbidden, guarded)
}
