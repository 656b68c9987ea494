package report

import (
	"math"
	"strconv"
	"testing"
)

// luminance is relative luminance as WCAG 2 defines it.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(colour[1:], 16, 24)
	if err != nil || colour[0] != '#' {
		t.Fatalf("%q is no colour", colour)
	}
	part := func(shift int) float64 {
		v := float64(n>>shift&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func TestColoursCanBeSeenOnTheirGround(t *testing.T) {
	t.Parallel()
	for name, th := range map[string]theme{"light": light, "dark": dark} {
		if got := contrast(t, th.ink, th.ground); got < 7 {
			t.Errorf("%s: text has a contrast of %.1f:1, want 7:1", name, got)
		}
	}
	for i, c := range palette {
		if got := contrast(t, c.light, light.ground); got < 3 {
			t.Errorf("colour %d has a contrast of %.1f:1 on light, want 3:1", i, got)
		}
		if got := contrast(t, c.dark, dark.ground); got < 3 {
			t.Errorf("colour %d has a contrast of %.1f:1 on dark, want 3:1", i, got)
		}
	}
}
