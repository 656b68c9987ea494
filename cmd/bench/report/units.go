package report

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// nothing is shown if there is no value.
const nothing = "–"

var (
	thousands = []string{"", " k", " M", " G", " T"}
	binary    = []string{" B", " KiB", " MiB", " GiB", " TiB"}
	times     = []string{" ns", " µs", " ms", " s"}
)

// key identifies measures that can be compared.
type key struct{ name, unit string }

func (m Measure) key() key { return key{m.Name, m.Unit} }

// label returns the heading of a column: deliveries/s, server CPU (cores), memory/socket.
func (k key) label() string {
	unit := strings.TrimPrefix(k.unit, "bytes")
	switch {
	case strings.HasPrefix(unit, "/"), unit != k.unit:
		return k.name + unit
	case unit == "":
		return k.name
	}
	return k.name + " (" + unit + ")"
}

// formatted returns how to show such values to three digits; whole says that all of them are whole
// numbers.
func (k key) formatted(whole bool) func(float64) string {
	switch {
	case strings.HasPrefix(k.unit, "bytes"):
		return func(v float64) string { return scaled(v, 1024, binary) }
	case whole:
		return quantity
	}
	return func(v float64) string { return scaled(v, 1000, thousands) }
}

func isWhole(v float64) bool { return v == math.Trunc(v) }

// quantity shows a number to three digits: 2.31 M, 0.0123. Whole numbers stay whole: 7.
func quantity(v float64) string {
	if isWhole(v) && math.Abs(v) < 1000 {
		return strconv.FormatFloat(v+0, 'f', -1, 64) // -0 is 0
	}
	return scaled(v, 1000, thousands)
}

func duration(d time.Duration) string { return nanoseconds(float64(d)) }

func nanoseconds(v float64) string { return scaled(v, 1000, times) }

// scaled shows v to three digits with the largest unit for which it is at least 1.
func scaled(v, step float64, units []string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nothing
	}
	i := 0
	for ; max(math.Abs(v), math.Abs(rounded(v))) >= step && i < len(units)-1; i++ {
		v /= step
	}
	return significant(v) + units[i]
}

// significant shows v to three digits, however small or large it is.
func significant(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nothing
	}
	v = rounded(v)
	if v == 0 {
		return "0"
	}
	if size := math.Abs(v); size >= 1e9 || size < 1e-9 {
		return strconv.FormatFloat(v, 'e', 2, 64)
	}
	decimals := 2 - int(math.Floor(math.Log10(math.Abs(v))+1e-9))
	return strconv.FormatFloat(v, 'f', max(decimals, 0), 64)
}

// rounded returns v rounded to three digits, so that 999.6 becomes a thousand before its unit is
// chosen.
func rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 2, 64), 64)
	if err != nil {
		return v // out of the range of a float64
	}
	return r
}
