package report

import (
	"math"
	"strconv"
	"time"
)

// tick is a mark on an axis.
type tick struct {
	value float64
	text  string
}

// linear returns about most ticks from 0 to the first round number that is not below high, in steps of 1, 2 or 5 times a power of ten.
func linear(high float64, most int) []tick {
	step := math.Pow10(int(math.Floor(math.Log10(high / float64(most)))))
	for _, factor := range []float64{1, 2, 5, 10} {
		if high/(step*factor) <= float64(most) {
			step *= factor
			break
		}
	}
	var ticks []tick
	for i := 0; ; i++ {
		v := float64(i) * step
		ticks = append(ticks, tick{v, trimmed(v, 1000, thousands)})
		if v >= high*(1-1e-9) {
			return ticks
		}
	}
}

// logarithmic returns ticks at 1, 2 and 5 times powers of ten, or at powers of ten only where those would be many: from one that is
// not above low to one that is not below high. Values are nanoseconds.
func logarithmic(low, high time.Duration) []tick {
	var factors []float64
	if float64(high)/float64(low) > 1000 {
		factors = []float64{1}
	} else {
		factors = []float64{1, 2, 5}
	}
	var ticks []tick
	for decade := math.Pow10(int(math.Floor(math.Log10(float64(low))))); ; decade *= 10 {
		for _, factor := range factors {
			v := decade * factor
			if v <= float64(low) {
				ticks = ticks[:0]
			}
			ticks = append(ticks, tick{v, trimmed(v, 1000, times)})
			if v >= float64(high) && len(ticks) > 1 {
				return ticks
			}
		}
	}
}

// trimmed shows a round number: 0, 500, 2 k, 20 ms.
func trimmed(v, step float64, units []string) string {
	i := 0
	for ; v >= step && i < len(units)-1; i++ {
		v /= step
	}
	return strconv.FormatFloat(rounded(v), 'f', -1, 64) + units[i]
}
