package web_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/web"
)

func newApp(development bool) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	web.Routes(development, nil)(app)
	return app
}

// answer is an answer of the page's routes.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request to the page's routes; headers alternate names and values.
func ask(t *testing.T, app *fiber.App, method, target string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://page.test"+target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := app.Test(req, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func names(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(web.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return names
}

func content(t *testing.T, name string) string {
	t.Helper()
	body, err := fs.ReadFile(web.Files(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestEachFileIsServedWithItsTypeTagAndGuards(t *testing.T) {
	t.Parallel()
	types := map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
		".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
	app := newApp(false)
	for _, name := range append(names(t), "") {
		file := name
		if name == "" {
			file = "index.html"
		}
		got := ask(t, app, http.MethodGet, "/"+name)
		if got.status != http.StatusOK || got.body != content(t, file) {
			t.Errorf("/%s: %d with %d bytes, want the file", name, got.status, len(got.body))
		}
		if got, want := got.header.Get("Content-Type"), types[path.Ext(file)]; got != want || want == "" {
			t.Errorf("/%s: Content-Type %q, want %q", name, got, want)
		}
		if got := got.header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("/%s: Cache-Control %q, want no-cache", name, got)
		}
		guarded(t, "/"+name, got.header)
	}
}

func guarded(t *testing.T, target string, header http.Header) {
	t.Helper()
	want := map[string]string{
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "no-referrer",
	}
	for name, value := range want {
		if got := header.Get(name); got != value {
			t.Errorf("%s: %s %q, want %q", target, name, got, value)
		}
	}
	policy := header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'self'", "connect-src 'self' ws: wss:", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, directive) {
			t.Errorf("%s: policy %q lacks %s", target, policy, directive)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("%s: policy %q allows what is unsafe", target, policy)
	}
}

func TestAFileThatTheBrowserHasIsNotSentAgain(t *testing.T) {
	t.Parallel()
	app := newApp(false)
	tag := ask(t, app, http.MethodGet, "/page.js").header.Get("ETag")
	if other := ask(t, app, http.MethodGet, "/theme.js"); tag == "" || tag == other.header.Get("ETag") {
		t.Fatalf("tag %q of one file is that of another", tag)
	}
	for header, want := range map[string]int{
		tag:                          http.StatusNotModified,
		`"other", W/` + tag:          http.StatusNotModified,
		"*":                          http.StatusNotModified,
		`"other"`:                    http.StatusOK,
		strings.Trim(tag, `"`):       http.StatusOK,
		`"` + strings.Trim(tag, `"`): http.StatusOK,
	} {
		got := ask(t, app, http.MethodGet, "/page.js", "If-None-Match", header)
		if got.status != want || (want == http.StatusNotModified) != (got.body == "") {
			t.Errorf("If-None-Match %s: %d with %d bytes, want %d", header, got.status, len(got.body), want)
		}
		if got.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: ETag %q, want %q", header, got.header.Get("ETag"), tag)
		}
	}
}

func TestFilesAreCompressedForWhoAcceptsIt(t *testing.T) {
	t.Parallel()
	app := newApp(false)
	accepts := map[string]string{"": "", "gzip": "gzip, deflate, br, zstd"}
	files := map[string]answer{}
	for coding, accepts := range accepts {
		is := ask(t, app, http.MethodGet, "/page.js", "Accept-Encoding", accepts)
		if got := is.header.Get("Content-Encoding"); got != coding {
			t.Fatalf("accepting %q: the coding is %q, want %q", accepts, got, coding)
		}
		if got := is.header.Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("accepting %q: Vary is %q", accepts, got)
		}
		files[coding] = is
	}
	plain := files[""].body
	gunzip, err := gzip.NewReader(strings.NewReader(files["gzip"].body))
	if err != nil {
		t.Fatal(err)
	}
	if packed := files["gzip"].body; len(packed) > len(plain)/2 {
		t.Errorf("%d bytes for %d", len(packed), len(plain))
	}
	if body, err := io.ReadAll(gunzip); err != nil || string(body) != plain {
		t.Errorf("another file comes out: %v", err)
	}
	for coding, accepts := range accepts {
		for tagged, file := range files {
			got := ask(t, app, http.MethodGet, "/page.js", "If-None-Match", file.header.Get("ETag"), "Accept-Encoding", accepts)
			want, coded := http.StatusOK, coding
			if tagged == coding {
				want, coded = http.StatusNotModified, ""
			}
			if got.status != want || got.header.Get("Content-Encoding") != coded {
				t.Errorf("with the tag of %q, accepting %q: got %d, coding %q, want %d", tagged, accepts, got.status, got.header.Get("Content-Encoding"), want)
			}
		}
	}
}

func TestHeadAnswersWithoutABody(t *testing.T) {
	t.Parallel()
	got := ask(t, newApp(false), http.MethodHead, "/")
	if got.status != http.StatusOK || got.body != "" || got.header.Get("ETag") == "" {
		t.Errorf("HEAD /: %d, ETag %q, %d bytes", got.status, got.header.Get("ETag"), len(got.body))
	}
}

func TestThePageLearnsWhetherTokensAreHandedOut(t *testing.T) {
	t.Parallel()
	for _, development := range []bool{true, false} {
		got := ask(t, newApp(development), http.MethodGet, "/page.json")
		var page struct{ Development *bool }
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || page.Development == nil || *page.Development != development {
			t.Errorf("page.json is %s, want development %t", got.body, development)
		}
		if cache := got.header.Get("Cache-Control"); cache != "no-store" {
			t.Errorf("page.json: Cache-Control %q, want no-store", cache)
		}
		guarded(t, "/page.json", got.header)
	}
}

var (
	reference = regexp.MustCompile(`(?:href|src)="([^"#][^"]*)"`)
	imported  = regexp.MustCompile(`\bimport\b`)
	inline    = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|<style|\sstyle=|\son[a-z]+=`)
	rawHTML   = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function`)
)

func TestTheFilesReferToEachOtherAndToNothingElse(t *testing.T) {
	t.Parallel()
	app := newApp(false)
	reached := map[string]bool{"index.html": true}
	for _, match := range reference.FindAllStringSubmatch(content(t, "index.html"), -1) {
		if got := ask(t, app, http.MethodGet, "/"+match[1]); got.status != http.StatusOK {
			t.Errorf("index.html refers to %s: %d", match[1], got.status)
		}
		reached[match[1]] = true
	}
	for _, name := range names(t) {
		if !reached[name] {
			t.Errorf("nothing refers to %s", name)
		}
		if path.Ext(name) == ".js" && imported.MatchString(content(t, name)) {
			t.Errorf("%s imports another file", name)
		}
	}
}

func TestThePageKeepsToItsPolicyAndNeverParsesTextAsHTML(t *testing.T) {
	t.Parallel()
	if found := inline.FindString(content(t, "index.html")); found != "" {
		t.Errorf("index.html has something inline, which the policy forbids: %q", found)
	}
	for _, name := range names(t) {
		if found := rawHTML.FindString(content(t, name)); path.Ext(name) == ".js" && found != "" {
			t.Errorf("%s uses %s", name, found)
		}
	}
}
