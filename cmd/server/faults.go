package server

import (
	"fmt"
	"slices"
	"strings"
)

// Faults are all that is wrong with a configuration.
type Faults []Fault

// Fault is one: the setting's name in the environment, and what is wrong with it.
type Fault struct{ Name, Problem string }

func (f Faults) Error() string {
	var b strings.Builder
	if len(f) == 1 {
		b.WriteString("a setting is wrong:")
	} else {
		fmt.Fprintf(&b, "%d settings are wrong:", len(f))
	}
	for _, one := range f {
		b.WriteString("\n  " + strings.TrimSpace(one.Name+" "+one.Problem))
	}
	return b.String()
}

// orNil returns f as an error, or nil where there is none.
func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// has reports whether one of them is about a setting of those names.
func (f Faults) has(settings ...string) bool {
	return slices.ContainsFunc(f, func(one Fault) bool {
		return slices.ContainsFunc(settings, func(s string) bool {
			return strings.TrimSuffix(one.Name, "_FILE") == strings.TrimSuffix(envName(s), "_FILE")
		})
	})
}

// with returns f and those of more that are faults: the zero Fault is none.
func (f Faults) with(more ...Fault) Faults {
	for _, one := range more {
		if one != (Fault{}) {
			f = append(f, one)
		}
	}
	return f
}

// suggest returns a hint at the known name that is most like name, if one is.
func suggest(name string, known []string) string {
	best, at := "", len(name)/4+2
	for _, k := range known {
		if d := distance(name, k); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is Levenshtein's: how many characters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
