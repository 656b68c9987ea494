package cmd_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// columns is the last column of a line of prose, so that diffs are readable.
const columns = 100

// TestProseEndsByItsColumn checks documents and whole-line comments. Tables, code, headings and
// text without a space may be longer.
func TestProseEndsByItsColumn(t *testing.T) {
	t.Parallel()
	for _, d := range readDocuments(t) {
		long := longProse(d.text)
		for _, at := range long {
			t.Errorf("%s:%d goes beyond column %d", d.name, at, columns)
		}
	}
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != ".." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, at := range longComments(string(text)) {
			t.Errorf("%s:%d goes beyond column %d", filepath.ToSlash(name[3:]), at, columns)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var notProse = regexp.MustCompile(`^\s*(\||#|<|\[[^\]]+\]:)`)

// longProse returns the lines of a Markdown document that are too long.
func longProse(text string) (lines []int) {
	fence := ""
	for i, line := range strings.Split(text, "\n") {
		if mark := strings.TrimSpace(line); strings.HasPrefix(mark, "```") {
			if fence == "" {
				fence = "```"
			} else {
				fence = ""
			}
		}
		if fence == "" && !notProse.MatchString(line) && tooLong(line) {
			lines = append(lines, i+1)
		}
	}
	return lines
}

// wholeComment matches a whole-line comment of prose: no directive, and no code, which is indented.
var wholeComment = regexp.MustCompile(`^\s*// \S`)

// longComments returns the comment lines of Go source that are too long. Text between back quotes
// is not a comment.
func longComments(source string) (lines []int) {
	quoted := false
	for i, line := range strings.Split(source, "\n") {
		if !quoted && wholeComment.MatchString(line) {
			if tooLong(strings.ReplaceAll(line, "\t", "    ")) {
				lines = append(lines, i+1)
			}
			continue
		}
		quoted = quoted != (strings.Count(line, "`")%2 == 1)
	}
	return lines
}

// tooLong reports whether a line goes beyond the last column, and could end before it.
func tooLong(line string) bool {
	if utf8.RuneCountInString(line) <= columns {
		return false
	}
	words := strings.Fields(line)
	mark := len(words) > 0 && regexp.MustCompile(`^(//|[-*+]|\d+\.)$`).MatchString(words[0])
	return len(words) > 2 || len(words) == 2 && !mark
}

func TestLinesThatAreTooLongAreFound(t *testing.T) {
	t.Parallel()
	long, word := strings.Repeat("word ", 21), strings.Repeat("w", 120)
	for text, want := range map[string]int{
		long: 1, "- " + long: 1, "|" + long: 0, "# " + long: 0, "- " + word: 0, "short\n\n" + long: 1,
		"```\n" + long + "\n```\n": 0, "[a]: " + long: 0,
	} {
		if got := len(longProse(text)); got != want {
			t.Errorf("%q has %d long lines, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int{
		"// " + long: 1, "\t// " + strings.Repeat("word ", 20): 1, "//go:embed " + long: 0,
		"//\t" + long: 0, "var a = `\n// " + long + "\n`": 0, "// " + word: 0, "a() // " + long: 0,
	} {
		if got := len(longComments(text)); got != want {
			t.Errorf("%q has %d long lines, want %d", text, got, want)
		}
	}
}
