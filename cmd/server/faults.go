package server

import (
	"fmt"
	"slices"
	"strings"
)

// Faults are all faults of a configuration.
type Faults []Fault

// Fault is the name of a setting's environment variable, and what is wrong with it.
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

// orNil returns f as an error, or nil if it is empty.
func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// has reports whether one of the faults is about one of the settings.
func (f Faults) has(settings ...string) bool {
	return slices.ContainsFunc(f, func(one Fault) bool {
		return slices.ContainsFunc(settings, func(s string) bool {
			return strings.TrimSuffix(one.Name, "_FILE") == strings.TrimSuffix(envName(s), "_FILE")
		})
	})
}

// with returns f and the faults in more that are not zero.
func (f Faults) with(more ...Fault) Faults {
	for _, one := range more {
		if one != (Fault{}) {
			f = append(f, one)
		}
	}
	return f
}

// suggest returns a hint with the known name that is most similar to name, or an empty string.
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

// distance is the Levenshtein distance: how many characters to insert, delete or replace to turn a
// into b.
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
