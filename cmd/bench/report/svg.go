package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// The plot's measures, in the SVG's own units.
const (
	plotWidth  = 760.0
	plotTop    = 56.0
	plotLeft   = 86.0
	plotRight  = plotWidth - 28
	plotBottom = 376.0
	legendTop  = 440.0
	legendLine = 22.0

	mostTicks = 8
)

// Between these an axis can be made for messages a second.
const (
	LeastLoad = 1e-6
	MostLoad  = 1e12
)

// plot draws lines of latency over load.
type plot struct {
	bytes.Buffer
	series []Series
	x, y   []tick
}

// WriteSVG plots p50 and p99 of each series over the load, latency on a logarithmic axis, as one SVG that needs nothing else. It
// follows the reader's choice of light or dark; the same series give the same bytes. Loads must lie between LeastLoad and MostLoad.
func WriteSVG(w io.Writer, series ...Series) error {
	p := &plot{}
	for _, s := range series {
		s.Points = slices.Clone(s.Points)
		slices.SortStableFunc(s.Points, func(a, b Point) int { return compare(a.Load, b.Load) })
		p.series = append(p.series, s)
	}
	if err := p.scale(); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	p.open()
	p.axes()
	for i := range p.series {
		p.line(i)
	}
	p.legend()
	p.add("</svg>\n")
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return nil
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// scale finds axes that hold everything.
func (p *plot) scale() error {
	most, low, high := 0.0, time.Duration(math.MaxInt64), time.Duration(0)
	see := func(load float64) bool {
		most = max(most, load)
		return load >= LeastLoad && load <= MostLoad
	}
	for _, s := range p.series {
		for _, load := range s.Failed {
			if !see(load) {
				return fmt.Errorf("%v is no load (%s)", load, s.Name)
			}
		}
		for _, at := range s.Points {
			if !see(at.Load) {
				return fmt.Errorf("%v is no load (%s)", at.Load, s.Name)
			}
			low, high = min(low, at.P50, at.P99), max(high, at.P50, at.P99)
		}
	}
	if most == 0 {
		return errors.New("there is nothing to draw")
	}
	if low > high { // all has failed: any axis will do
		low, high = time.Millisecond, time.Second
	}
	low = max(low, Shortest)
	p.x, p.y = linear(most, mostTicks), logarithmic(low, max(high, low))
	return nil
}

func (p *plot) atX(load float64) float64 {
	return plotLeft + load/p.x[len(p.x)-1].value*(plotRight-plotLeft)
}

func (p *plot) atY(v float64) float64 {
	low, high := math.Log(p.y[0].value), math.Log(p.y[len(p.y)-1].value)
	part := (math.Log(max(v, p.y[0].value)) - low) / (high - low)
	return plotBottom - part*(plotBottom-plotTop)
}

// add writes markup. Strings among args are made fit to stand in it.
func (p *plot) add(markup string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			var b strings.Builder
			_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
			args[i] = b.String()
		}
	}
	fmt.Fprintf(&p.Buffer, markup, args...)
}

// open writes what comes before the drawing.
func (p *plot) open() {
	height := legendTop + legendLine*float64(len(p.series)) + 12
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="title desc">`+"\n",
		plotWidth, height, plotWidth, height)
	p.add("<title id=\"title\">Latency over load</title>\n<desc id=\"desc\">%s</desc>\n", p.describe())
	p.add("<style>\n")
	p.Write(style())
	p.add("</style>\n")
	p.add(`<rect class="ground" width="%.0f" height="%.0f"/>`+"\n", plotWidth, height)
	p.add(`<text class="heading" x="%.0f" y="28">Latency over load</text>`+"\n", plotLeft)
}

// describe says in words what the plot shows.
func (p *plot) describe() string {
	var b strings.Builder
	b.WriteString("Time from sending a message to its delivery, on a logarithmic axis, over messages per second.")
	for _, s := range p.series {
		parts := make([]string, 0, len(s.Points)+len(s.Failed))
		for _, at := range s.Points {
			parts = append(parts, fmt.Sprintf("p50 %s and p99 %s at %s/s", duration(at.P50), duration(at.P99), quantity(at.Load)))
		}
		for _, load := range s.Failed {
			parts = append(parts, fmt.Sprintf("failed at %s/s", quantity(load)))
		}
		fmt.Fprintf(&b, " %s: %s.", s.Name, strings.Join(parts, ", "))
	}
	return b.String()
}

// axes draws the grid, its labels and what they mean.
func (p *plot) axes() {
	p.add("<g class=\"grid\">\n")
	for _, t := range p.y {
		p.add(`<path d="M%.1f %.1fH%.1f"/>`+"\n", plotLeft, p.atY(t.value), plotRight)
	}
	for _, t := range p.x {
		p.add(`<path d="M%.1f %.1fV%.1f"/>`+"\n", p.atX(t.value), plotTop, plotBottom)
	}
	p.add("</g>\n<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", plotLeft, plotTop, plotBottom, plotRight)
	for _, t := range p.y {
		p.add(`<text class="end" x="%.1f" y="%.1f">%s</text>`+"\n", plotLeft-8, p.atY(t.value)+4, t.text)
	}
	for _, t := range p.x {
		p.add(`<text class="middle" x="%.1f" y="%.1f">%s</text>`+"\n", p.atX(t.value), plotBottom+20, t.text)
	}
	p.add(`<text class="middle" x="%.1f" y="%.1f">messages per second</text>`+"\n", (plotLeft+plotRight)/2, plotBottom+42)
	middle := (plotTop + plotBottom) / 2
	p.add(`<text class="middle" transform="translate(18 %.1f) rotate(-90)">latency</text>`+"\n", middle)
}

// line draws a series: p99 as a whole line, p50 as a broken one.
func (p *plot) line(i int) {
	s := p.series[i]
	p.add(`<g class="c%d">`+"\n", i%len(palette))
	for _, quantile := range []struct {
		name string
		of   func(Point) time.Duration
	}{
		{"p50", func(at Point) time.Duration { return at.P50 }},
		{"p99", func(at Point) time.Duration { return at.P99 }},
	} {
		var path strings.Builder
		for n, at := range s.Points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(n, 1)], p.atX(at.Load), p.atY(float64(quantile.of(at))))
		}
		if len(s.Points) > 0 {
			p.add(`<path class="line %s" d="%s"/>`+"\n", quantile.name, path.String())
		}
		for _, at := range s.Points {
			p.mark(i, p.atX(at.Load), p.atY(float64(quantile.of(at))),
				fmt.Sprintf("%s, %s messages/s: %s %s", s.Name, quantity(at.Load), quantile.name, duration(quantile.of(at))))
		}
	}
	for _, load := range s.Failed {
		p.cross(p.atX(load), plotTop+8+12*float64(i), fmt.Sprintf("%s, %s messages/s: failed", s.Name, quantity(load)))
	}
	p.add("</g>\n")
}

// mark draws the sign of a series, so that not only its colour tells it from others.
func (p *plot) mark(i int, x, y float64, title string) {
	switch i % 4 {
	case 0:
		p.add(`<circle cx="%.1f" cy="%.1f" r="4">`, x, y)
	case 1:
		p.add(`<path class="mark" d="M%.1f %.1fh7v7h-7z">`, x-3.5, y-3.5)
	case 2:
		p.add(`<path class="mark" d="M%.1f %.1fl4.5 8h-9z">`, x, y-5)
	case 3:
		p.add(`<path class="mark" d="M%.1f %.1fl5 5l-5 5l-5 -5z">`, x, y-5)
	}
	element := "path"
	if i%4 == 0 {
		element = "circle"
	}
	p.add("<title>%s</title></%s>\n", title, element)
}

// cross marks a load at which nothing could be measured.
func (p *plot) cross(x, y float64, title string) {
	p.add(`<path class="cross" d="M%.1f %.1fl8 8m0 -8l-8 8"><title>%s</title></path>`+"\n", x-4, y-4, title)
}

// legend names the lines.
func (p *plot) legend() {
	failed := ""
	if slices.ContainsFunc(p.series, func(s Series) bool { return len(s.Failed) > 0 }) {
		failed = ", ×: the run failed"
	}
	p.add(`<text class="end" x="%.1f" y="28">whole line: p99, broken line: p50%s</text>`+"\n", plotRight, failed)
	for i, s := range p.series {
		y := legendTop + legendLine*float64(i)
		p.add(`<g class="c%d"><path class="line p99" d="M%.1f %.1fh28"/>`+"\n", i%len(palette), plotLeft, y)
		p.mark(i, plotLeft+14, y, s.Name)
		p.add("</g>\n"+`<text x="%.1f" y="%.1f">%s</text>`+"\n", plotLeft+38, y+4, s.Name)
	}
}
