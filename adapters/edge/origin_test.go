package edge_test

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/edge"
)

func TestOrigins(t *testing.T) {
	t.Parallel()
	some := edge.NewOrigins([]string{
		"https://App.example", "http://localhost:3000", "http://[::1]:80/", "https://*.Example.com", "http://*.localhost:3000", "https://münchen.example",
		"https://*.bücher.example:8443", "capacitor://localhost", "tauri://localhost", "chrome-extension://abcdefghijklmnop", "http://192.0.2.7", "https://my_app.example",
	})
	for origin, want := range map[string]bool{
		"https://app.example": true, "HTTPS://APP.EXAMPLE:443": true, "https://app.example:0443": true, "http://app.example": false, "https://app.example:80": false,
		"https://app.example.evil": false, "https://app.example.": false, "http://localhost:3000": true, "http://localhost:3001": false, "http://localhost": false,
		"http://[::1]": true, "http://[0:0:0:0:0:0:0:1]:80": true, "http://[::2]": false, "http://192.0.2.7:80": true,

		"https://a.example.com": true, "https://a.b.example.com": true, "https://A.Example.Com:443": true, "https://example.com": false,
		"https://evil-example.com": false, "https://evilexample.com": false, "https://.example.com": false, "https://a..example.com": false,
		"http://a.example.com": false, "https://a.example.com:8443": false, "https://a.example.com.evil.example": false, "https://*.example.com": false,
		"https://a.example.com@evil.example": false, "https://evil.example/a.example.com": false, "https://evil.example?.example.com": false,
		"https://evil.example#.example.com": false, "https://evil.example\\.example.com": false, "https://evil.example:443.example.com": false,
		"http://app.localhost:3000": true, "http://app.localhost": false,

		"https://xn--mnchen-3ya.example": true, "https://München.example": true, "https://munchen.example": false,
		"https://shop.xn--bcher-kva.example:8443": true, "https://xn--bcher-kva.example:8443": false, "https://my_app.example": true,

		"capacitor://localhost": true, "CAPACITOR://localhost": true, "capacitor://localhost:80": false, "ionic://localhost": false, "tauri://localhost": true,
		"chrome-extension://abcdefghijklmnop": true, "chrome-extension://abcdefghijklmnoq": false,

		"null": false, "": false, "*": false, "file://": false, "https://": false, "app.example": false, "//app.example": false, "https:app.example": false,
	} {
		if got := some.Allow(origin); got != want {
			t.Errorf("%s: %v", origin, got)
		}
	}
	all, none := edge.NewOrigins([]string{"*"}), edge.NewOrigins([]string{"", "no origin at all", "https://*"})
	if !all.Allow("https://anybody.example") || !all.Allow("null") || !all.Any() || !some.Any() {
		t.Error("* does not allow everybody")
	}
	if none.Allow("") || none.Allow("null") || none.Allow("https://a") || none.Any() || (edge.Origins{}).Allow("https://a.example") {
		t.Error("nothing allows somebody")
	}
}

func TestTheServicesOwnPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origin, host string
		want         bool
	}{
		{"https://chat.example", "chat.example", true},
		{"http://chat.example", "Chat.Example:80", true},
		{"https://chat.example", "chat.example:80", false},
		{"http://chat.example:8080", "chat.example:8080", true},
		{"http://chat.example:8081", "chat.example:8080", false},
		{"http://[::1]:8080", "[::1]:8080", true},
		{"https://xn--mnchen-3ya.example", "münchen.example", true},
		{"null", "chat.example", false},
		{"null", "null", false},
		{"ftp://chat.example", "chat.example", false},
		{"https://chat.example@evil.example", "chat.example", false},
		{"https://evil@chat.example", "chat.example", false},
		{"https://chat.example/", "chat.example", false},
		{"https://", "", false},
		{"https://chat.example", "", false},
		{"https://chat.example", "chat.example/x", false},
	} {
		if got := edge.Own(c.origin, c.host); got != c.want {
			t.Errorf("%s at %s: %v", c.origin, c.host, got)
		}
	}
}

func TestEntriesOfAListOfOrigins(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"*": "*", "https://App.Example": "https://app.example", "https://app.example/": "https://app.example", "http://x:080": "http://x",
		"https://münchen.example": "https://xn--mnchen-3ya.example", "https://*.Example.com": "https://*.example.com", "http://*.localhost": "http://*.localhost",
		"Capacitor://localhost": "capacitor://localhost", "http://[::0001]:8080": "http://[::1]:8080", "https://app.example:": "https://app.example", "https://app.example:443": "https://app.example",
		"http://127.0.0.1:3000": "http://127.0.0.1:3000", "https://4.example": "https://4.example", "https://a.0xg": "https://a.0xg", "app://1": "app://1",
	} {
		if got, err := edge.ParseOrigin(text); got != want || err != nil {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"": "such as", "app.example": "such as", "app.example:443": "such as", "https://": "such as", "https:///": "such as", "https://app.example/chat": "such as",
		"https://app.example?x": "such as", "https://app.example#": "such as", "https://user@app.example": "such as", "https://app.example:99999": "such as",
		"https://app.example:x": "such as", "https://app*.example": "such as", "https://a.*.example.com": "such as", "https://*": "such as", "*://example.com": "such as",
		"*.example.com": "such as", "https://**.example.com": "such as", "https://*.*.example.com": "such as", "https://*.192.0.2.7": "such as", "https://*.[::1]": "such as",
		"https://*.com": "two labels", "https://*.com.": "two labels", "chrome-extension://*": "such as", "capacitor://*.localhost": "such as", "null": "sandbox",
		"wss://app.example": "https://", "ws://app.example": "https://", "https://app .example": "such as", "file://": "such as", "https://%zz": "such as",
		"https://app.example:0": "such as", "http://127.1": "such as", "https://1.2.3": "such as", "http://0x7f.0x1": "such as", "http://2130706433": "such as",
		"https://1.2.3.4.": "such as", "https://a.256": "such as", "https://１２７.１": "such as", "https://*.example.0x": "such as",
	} {
		if got, err := edge.ParseOrigin(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %q, %v, want an error that says %q", text, got, err, says)
		}
	}
}
