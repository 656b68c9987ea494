package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// widest is the max length of a table's line, in characters, unless a single column needs more.
const widest = 160

// WriteTable writes the report for people, as aligned text: the scenarios one after the other, a
// row for each server and set of parameters. A row has medians over the successful repetitions,
// their minimum and maximum, and the ratio to the base's median. A table that is too wide continues
// below, with the same rows.
func (r *Report) WriteTable(w io.Writer) error {
	var b bytes.Buffer
	for _, line := range r.heading() {
		fmt.Fprintln(&b, line)
	}
	for _, s := range r.sections() {
		fmt.Fprintf(&b, "\n%s\n", s.scenario)
		for i, block := range blocks(s.columns()) {
			if i > 0 {
				fmt.Fprintln(&b)
			}
			writeBlock(&b, block)
		}
		for _, remark := range s.remarks() {
			fmt.Fprintln(&b, strings.ToUpper(remark.about), remark.text)
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// heading writes what ran, and on which machine.
func (r *Report) heading() []string {
	lines := []string{fmt.Sprintf("Parley %s, %s", r.Version, r.At.UTC().Format("2006-01-02 15:04 UTC"))}
	if machine := r.Machine.describe(); machine != "" {
		lines = append(lines, machine)
	}
	if len(r.Command) > 0 {
		lines = append(lines, "$ "+strings.Join(r.Command, " "))
	}
	return append(lines, r.legend())
}

func (r *Report) legend() string {
	if r.Base == "" {
		return "Medians of the runs that did not fail; ratios to the first server of each case."
	}
	return fmt.Sprintf("Medians of the runs that did not fail; ratios to %s, or where it did not run to the first server of the case.", r.Base)
}

// blocks divides columns into tables that are narrow enough. Each begins with the labels, and glued
// columns stay together.
func blocks(columns []column) [][]column {
	labels := slices.IndexFunc(columns, func(c column) bool { return !c.label })
	head, rest := columns[:labels], columns[labels:]
	var list [][]column
	block, width := slices.Clone(head), widthOf(head)
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].glued {
			n++
		}
		if more := widthOf(rest[:n]); width+more > widest && len(block) > labels {
			list = append(list, block)
			block, width = slices.Clone(head), widthOf(head)
		}
		block, width = append(block, rest[:n]...), width+widthOf(rest[:n])
		rest = rest[n:]
	}
	return append(list, block)
}

const gap = "  "

func widthOf(columns []column) (sum int) {
	for _, c := range columns {
		sum += c.width() + len(gap)
	}
	return sum
}

func (c column) width() int {
	longest := utf8.RuneCountInString(c.head)
	for _, cell := range c.cells {
		longest = max(longest, utf8.RuneCountInString(cell))
	}
	return longest
}

func writeBlock(b *bytes.Buffer, columns []column) {
	writeRow(b, columns, func(c column) string { return c.head })
	for i := range columns[0].cells {
		writeRow(b, columns, func(c column) string { return c.cells[i] })
	}
}

// writeRow aligns labels left and numbers right.
func writeRow(b *bytes.Buffer, columns []column, text func(column) string) {
	var line strings.Builder
	for _, c := range columns {
		t := text(c)
		pad := strings.Repeat(" ", c.width()-utf8.RuneCountInString(t))
		if c.label {
			line.WriteString(gap + t + pad)
		} else {
			line.WriteString(gap + pad + t)
		}
	}
	fmt.Fprintln(b, strings.TrimRight(line.String(), " "))
}
