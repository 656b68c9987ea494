package cmd_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/parley-chat/parley/cmd/server"
)

// These tests check that what the documents mention exists.

// document is a Markdown file of the repository.
type document struct {
	name string // from the repository's root
	text string
}

// readDocuments reads all documents except test data.
func readDocuments(t *testing.T) (all []document) {
	t.Helper()
	root := ".."
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := filepath.Base(name)
		if entry.IsDir() && name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" || base == "dist") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		short, err := filepath.Rel(root, name)
		all = append(all, document{filepath.ToSlash(short), string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"README.md", "SECURITY.md", "deploy/RUNBOOK.md"} {
		if !slices.ContainsFunc(all, func(d document) bool { return d.name == want }) {
			t.Fatalf("there is no %s", want)
		}
	}
	return all
}

func TestDocumentsNameSettingsThatExist(t *testing.T) {
	t.Parallel()
	var help strings.Builder
	server.NewSettings("", &server.Config{}).WriteHelp(&help)
	mention := regexp.MustCompile(`PARLEY_[A-Z0-9_]*[A-Z0-9]`)
	known := map[string]bool{}
	for _, name := range mention.FindAllString(help.String(), -1) {
		known[name] = true
	}
	for _, d := range readDocuments(t) {
		for _, name := range mention.FindAllString(d.text, -1) {
			if !known[name] && !strings.HasPrefix(name, "PARLEY_TEST_") {
				t.Errorf("%s speaks of %s, which is no setting", d.name, name)
			}
		}
	}
}

func TestDocumentsNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../observability/METRICS.md") // a test beside it compares it with a scrape
	if err != nil {
		t.Fatal(err)
	}
	mention := regexp.MustCompile(`\bparley_[a-z][a-z_]*[a-z]\b`)
	known := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(parley_[a-z_]+)` \\|").FindAllSubmatch(table, -1) {
		known[string(row[1])] = true
	}
	part := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, d := range readDocuments(t) {
		for _, name := range mention.FindAllString(d.text, -1) {
			if !known[name] && !known[part.ReplaceAllString(name, "")] {
				t.Errorf("%s speaks of %s, which is no metric", d.name, name)
			}
		}
	}
}

// called finds calls of the program at the start of command lines.
var called = regexp.MustCompile(`(?m)(?:^|[;&|(] ?|-- |\$ |\bsudo |/)(?:[A-Z][A-Z_]*=\S+ )*parley ([a-z][a-z-]*)(?:[\s|]|$)`)

func TestDocumentsCallCommandsThatExist(t *testing.T) {
	t.Parallel()
	known := commandsOfParley(t)
	calls := 0
	for _, d := range readDocuments(t) {
		for _, piece := range code(d.text) {
			for _, call := range called.FindAllStringSubmatch(piece, -1) {
				calls++
				if !known[call[1]] {
					t.Errorf("%s calls parley %s; there are %v", d.name, call[1], slices.Sorted(maps.Keys(known)))
				}
			}
		}
	}
	if calls < 10 {
		t.Errorf("only %d calls were found: the test does not see them any more", calls)
	}
}

// commandsOfParley reads the table of commands from the source, because a program cannot be
// imported.
func commandsOfParley(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "parley/main.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); !ok || f.Name.Name != "commands" {
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			row, ok := n.(*ast.CompositeLit)
			if !ok || row.Type != nil || len(row.Elts) == 0 {
				return true
			}
			if name, ok := row.Elts[0].(*ast.BasicLit); ok {
				unquoted, err := strconv.Unquote(name.Value)
				known[unquoted] = err == nil
			}
			return false
		})
	}
	if !known["serve"] || !known["help"] {
		t.Fatalf("the table of commands was not found in parley/main.go: %v", known)
	}
	return known
}

var (
	fence   = regexp.MustCompile("(?s)(?:^|\n) *```.*?\n *```")
	span    = regexp.MustCompile("`[^`\n]+`")
	comment = regexp.MustCompile(`(?m)(^|\s)#.*$`)
)

// code returns the text in blocks and spans of code, without the comments of shell and YAML.
func code(text string) (pieces []string) {
	for _, block := range fence.FindAllString(text, -1) {
		pieces = append(pieces, comment.ReplaceAllString(block, ""))
	}
	for _, s := range span.FindAllString(fence.ReplaceAllString(text, ""), -1) {
		pieces = append(pieces, strings.Trim(s, "`"))
	}
	return pieces
}

func TestLinksBetweenDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	documents := readDocuments(t)
	anchors := map[string]map[string]bool{}
	for _, d := range documents {
		anchors[d.name] = anchorsOf(d.text)
	}
	for _, d := range documents {
		for _, problem := range badLinks(d, anchors, func(path string) bool {
			_, err := os.Stat(filepath.Join("..", filepath.FromSlash(path)))
			return err == nil
		}) {
			t.Errorf("%s: %s", d.name, problem)
		}
	}
}

var packed = regexp.MustCompile(`^adapters/web/[a-z]+/README\.md$`) // in a package for npm

var link = regexp.MustCompile(`(?m)\]\(([^()\s]+)\)|^\[[^\]]+\]: +(\S+)$`)

// home is where the repository is on the web. The packages for npm link there, as they do not have
// what is beside them.
const home = "https://github.com/parley-chat/parley/blob/main/"

// badLinks returns the broken links of a document. Links to other sites are not followed.
func badLinks(d document, anchors map[string]map[string]bool, exists func(path string) bool) (problems []string) {
	prose := span.ReplaceAllString(fence.ReplaceAllString(d.text, ""), "")
	for _, found := range link.FindAllStringSubmatch(prose, -1) {
		to := found[1] + found[2]
		address, here := strings.CutPrefix(to, home)
		path, anchor, _ := strings.Cut(address, "#")
		if strings.Contains(address, ":") { // https:, mailto:
			continue
		}
		target := d.name
		switch {
		case here:
			target = path
		case path != "" && packed.MatchString(d.name):
			problems = append(problems, fmt.Sprintf("%s is not in the package: link to %s…", to, home))
			continue
		case path != "":
			target = filepath.ToSlash(filepath.Join(filepath.Dir(d.name), path))
		}
		if !exists(target) {
			problems = append(problems, fmt.Sprintf("%s is not there", to))
		} else if anchor != "" && anchors[target] != nil && !anchors[target][anchor] {
			problems = append(problems, fmt.Sprintf("%s has no heading #%s", target, anchor))
		}
	}
	return problems
}

var heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)

// anchorsOf returns the anchors of a document's headings, with GitHub's names.
func anchorsOf(text string) map[string]bool {
	anchors := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		title := link.ReplaceAllString(found[1], "")
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, title)
		for name, n := anchor, 1; ; n++ {
			if !anchors[name] {
				anchors[name] = true
				break
			}
			name = fmt.Sprintf("%s-%d", anchor, n)
		}
	}
	return anchors
}

// TestDocumentsThatAreWrongAreFound proves that the tests above can fail.
func TestDocumentsThatAreWrongAreFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"```sh\nparley fly\n```":                       "fly",
		"Say `parley fly --high`.":                     "fly",
		"`kubectl exec deploy/x -- /parley fly`":       "fly",
		"```sh\nPARLEY_DRAIN=1s parley fly # now\n```": "fly",
		"```sh\n# parley fly\nhelm x parley y\n```":    "",
		"Here parley flies.":                           "",
	} {
		got := ""
		for _, piece := range code(text) {
			for _, call := range called.FindAllStringSubmatch(piece, -1) {
				got += call[1]
			}
		}
		if got != want {
			t.Errorf("%q calls %q, want %q", text, got, want)
		}
	}
	d := document{"docs/a.md", "# A title: with `code`\n## Twice\n## Twice\n```\n# no heading\n[x](in-code.md)\n```\n" +
		"[ok](#a-title-with-code) [ok](#twice-1) [ok](../b.md) [ok](https://example.org/x) [bad](#no-heading) [bad](c.md)"}
	problems := badLinks(d, map[string]map[string]bool{d.name: anchorsOf(d.text)}, func(path string) bool { return path == d.name || path == "b.md" })
	if want := []string{"docs/a.md has no heading #no-heading", "c.md is not there"}; !slices.Equal(problems, want) {
		t.Errorf("got %q, want %q", problems, want)
	}
	d = document{"adapters/web/x/README.md", "[ok](#a) [ok][b] [bad](../b.md) [bad][c]\n\n# A\n\n[b]: " + home + "b.md\n[c]: " + home + "c.md\n"}
	problems = badLinks(d, map[string]map[string]bool{d.name: anchorsOf(d.text)}, func(path string) bool { return path == d.name || path == "b.md" })
	if want := []string{"../b.md is not in the package: link to " + home + "…", home + "c.md is not there"}; !slices.Equal(problems, want) {
		t.Errorf("got %q, want %q", problems, want)
	}
}
