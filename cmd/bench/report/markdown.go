package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes what WriteTable writes, as a table of GitHub's Markdown for each scenario. To be narrow enough for a page it
// has the spread and the ratio in the cell of their median: 2.30 M (2.20 M–2.40 M) **×3.43**.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	for _, line := range r.heading() {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			fmt.Fprintf(&b, "- %s\n", code(command))
			continue
		}
		fmt.Fprintf(&b, "- %s\n", escaped(line))
	}
	for _, s := range r.sections() {
		fmt.Fprintf(&b, "\n### %s\n\n", escaped(s.scenario))
		writeMarkdownTable(&b, merged(s.columns()))
		for i, remark := range s.remarks() {
			if i == 0 {
				fmt.Fprintln(&b)
			}
			fmt.Fprintf(&b, "- **%s** %s\n", remark.about, escaped(remark.text))
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the Markdown: %w", err)
	}
	return nil
}

// merged puts what is glued to a column into its cells. These are Markdown from then on.
func merged(columns []column) []column {
	var list []column
	for _, c := range columns {
		if !c.glued {
			plain := column{head: escaped(c.head), label: c.label}
			for _, cell := range c.cells {
				plain.cells = append(plain.cells, escaped(cell))
			}
			list = append(list, plain)
			continue
		}
		left := list[len(list)-1].cells
		for i, cell := range c.cells {
			switch {
			case cell == nothing:
			case c.head == ratioHead:
				left[i] += " **" + cell + "**"
			default:
				left[i] += " (" + cell + ")"
			}
		}
	}
	return list
}

func writeMarkdownTable(b *bytes.Buffer, columns []column) {
	line := func(text func(column) string) {
		for _, c := range columns {
			fmt.Fprintf(b, "| %s ", text(c))
		}
		fmt.Fprintln(b, "|")
	}
	line(func(c column) string { return c.head })
	line(func(c column) string {
		if c.label {
			return ":--"
		}
		return "--:"
	})
	for i := range columns[0].cells {
		line(func(c column) string { return c.cells[i] })
	}
}

var markup = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "<", `\<`, "&", `\&`, "*", `\*`, "`", "\\`", "[", `\[`, "]", `\]`, "~", `\~`, "\r", "", "\n", " ",
)

// escaped makes text stand as it is in a table or a list.
func escaped(text string) string { return markup.Replace(text) }

// code shows text as code: between more backticks than stand in it one after the other.
func code(text string) string {
	longest, run := 0, 0
	for _, c := range text {
		if run++; c != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if longest > 0 {
		return fence + " " + oneLine(text) + " " + fence
	}
	return fence + oneLine(text) + fence
}
