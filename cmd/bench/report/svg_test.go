package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/bench/report"
)

// element is a part of an SVG.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// all calls do for e and all below it.
func (e element) all(do func(element)) {
	do(e)
	for _, child := range e.Children {
		child.all(do)
	}
}

// texts are the texts of all elements of that name, in order.
func (e element) texts(name string) (list []string) {
	e.all(func(e element) {
		if e.XMLName.Local == name {
			list = append(list, e.Text)
		}
	})
	return list
}

func svg(t *testing.T, series ...report.Series) element {
	t.Helper()
	return parsed(t, written(t, func(b *bytes.Buffer) error { return report.WriteSVG(b, series...) }))
}

func parsed(t *testing.T, text []byte) element {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	var root element
	if err := d.Decode(&root); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if space, ok := token.(xml.CharData); err != nil || !ok || len(bytes.TrimSpace(space)) > 0 {
			t.Fatalf("behind the SVG: %v, %v", token, err)
		}
	}
}

func TestSVG(t *testing.T) {
	t.Parallel()
	text := written(t, func(b *bytes.Buffer) error { return sample().WriteSVG(b) })
	golden(t, "latency.svg", text)
	root := parsed(t, text)
	if root.XMLName != (xml.Name{Space: "http://www.w3.org/2000/svg", Local: "svg"}) {
		t.Errorf("the root is %v", root.XMLName)
	}
}

func TestSVGNeedsNothingElseAndRunsNothing(t *testing.T) {
	t.Parallel()
	text := written(t, func(b *bytes.Buffer) error { return sample().WriteSVG(b) })
	parsed(t, text).all(func(e element) {
		if slices.Contains([]string{"script", "foreignObject", "image", "use", "a", "animate"}, e.XMLName.Local) {
			t.Errorf("there is a %s", e.XMLName.Local)
		}
		for _, a := range e.Attrs {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				t.Errorf("there is an attribute %s=%q", a.Name.Local, a.Value)
			}
		}
	})
	if bytes.Contains(text, []byte("url(")) || bytes.Contains(text, []byte("@import")) {
		t.Error("the style sheet loads something")
	}
}

func TestSVGSaysWhatItShows(t *testing.T) {
	t.Parallel()
	root := parsed(t, written(t, func(b *bytes.Buffer) error { return sample().WriteSVG(b) }))
	if title, desc := root.Children[0], root.Children[1]; title.Text != "Latency over load" || desc.XMLName.Local != "desc" ||
		root.attr("role") != "img" || root.attr("aria-labelledby") != title.attr("id")+" "+desc.attr("id") {
		t.Errorf("title %+v, description %+v", title, desc)
	}
	desc := root.texts("desc")[0]
	for _, want := range []string{
		"parley/sqlite: p50 2.00 ms and p99 30.0 ms at 200/s, p50 3.00 ms and p99 38.0 ms at 500/s, p50 4.00 ms",
		"centrifuge: p50 22.0 ms and p99 150 ms at 200/s, p50 2.10 s and p99 6.00 s at 500/s, failed at 1.00 k/s.",
	} {
		if !strings.Contains(desc, want) {
			t.Errorf("nothing says %q in %q", want, desc)
		}
	}
}

func TestSVGHasAxesWithRoundTicks(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct {
		points []report.Point
		want   []string // in order; others may stand between
	}{
		"of thousands": {
			[]report.Point{{50, 2 * time.Millisecond, 30 * time.Millisecond}, {1000, 4 * time.Millisecond, 50 * time.Millisecond}},
			[]string{"2 ms", "5 ms", "10 ms", "20 ms", "50 ms", "0", "200", "400", "600", "800", "1 k", "messages per second", "latency"},
		},
		"of many decades": {
			[]report.Point{{7, 3 * time.Microsecond, 7 * time.Second}},
			[]string{"1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "0", "1", "2", "3", "4", "5", "6", "7"},
		},
		"of one point at nothing": {
			[]report.Point{{0.3, 0, 0}},
			[]string{"1 µs", "2 µs", "0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"},
		},
		"of millions": {
			[]report.Point{{2.3e6, time.Second, time.Second}},
			[]string{"1 s", "2 s", "0", "500 k", "1 M", "1.5 M", "2 M", "2.5 M"},
		},
	} {
		texts := svg(t, report.Series{Name: "one", Points: r.points}).texts("text")
		rest := texts
		for _, want := range r.want {
			i := slices.Index(rest, want)
			if i < 0 {
				t.Errorf("%s: no %q in %q, or not in order", name, want, texts)
				break
			}
			rest = rest[i+1:]
		}
	}
}

func TestSVGDoesNotDependOnTheOrderOfPoints(t *testing.T) {
	t.Parallel()
	points := []report.Point{{50, 1e6, 2e6}, {100, 1e6, 3e6}, {1000, 2e6, 9e6}}
	turned := slices.Clone(points)
	slices.Reverse(turned)
	first := written(t, func(b *bytes.Buffer) error { return report.WriteSVG(b, report.Series{Name: "a", Points: points}) })
	second := written(t, func(b *bytes.Buffer) error { return report.WriteSVG(b, report.Series{Name: "a", Points: turned}) })
	if !bytes.Equal(first, second) {
		t.Errorf("got\n%s\nand\n%s", first, second)
	}
	if turned[0].Load != 1000 {
		t.Error("the caller's points were sorted")
	}
}

func TestSVGEscapesNames(t *testing.T) {
	t.Parallel()
	name := `<script>"x" & 'y'</script> %s ]]>` + "\x00"
	root := svg(t, report.Series{Name: name, Points: []report.Point{{50, 1e6, 2e6}}})
	if got, want := root.texts("text"), strings.ReplaceAll(name, "\x00", "\uFFFD"); !slices.Contains(got, want) {
		t.Errorf("no legend %q in %q", want, got)
	}
}

func TestSVGShowsWhatFailed(t *testing.T) {
	t.Parallel()
	root := svg(t, report.Series{Name: "slow", Failed: []float64{500}})
	if got := root.texts("title"); !slices.Contains(got, "slow, 500 messages/s: failed") {
		t.Errorf("got %q", got)
	}
	if got := strings.Join(root.texts("text"), "\n"); !strings.Contains(got, "×: the run failed") {
		t.Errorf("the legend does not explain it: %q", got)
	}
}

func TestSVGRefusesWhatCannotBeDrawn(t *testing.T) {
	t.Parallel()
	for _, load := range []float64{0, -1, math.NaN(), math.Inf(1), 1e-300, 1e300} {
		if err := report.WriteSVG(io.Discard, report.Series{Points: []report.Point{{load, 1, 1}}}); err == nil {
			t.Errorf("a load of %v is drawn", load)
		}
		if err := report.WriteSVG(io.Discard, report.Series{Failed: []float64{load}}); err == nil {
			t.Errorf("a failed load of %v is drawn", load)
		}
	}
	if err := report.WriteSVG(io.Discard); err == nil {
		t.Error("nothing is drawn")
	}
	if err := (&report.Report{}).WriteSVG(io.Discard); err == nil {
		t.Error("an empty report is drawn")
	}
}

func TestSeriesAreMediansALineForEachServerAndSetOfParameters(t *testing.T) {
	t.Parallel()
	r := &report.Report{}
	add := func(server, readers, messages string, p50, p99 time.Duration, failure string) {
		r.Results = append(r.Results, report.Result{
			Server: server, Scenario: "rate", Params: params("readers", readers, "rate", messages, "window", "1"),
			Latency: latency(p50, p99), Error: failure,
		})
	}
	for _, p50 := range []time.Duration{1, 5, 2} {
		add("a", "10", "50", p50, p50*10, "")
	}
	add("a", "10", "100", 9, 90, "too late") // one that failed does not count beside one that did not
	add("a", "10", "100", 4, 40, "")
	add("a", "20", "50", 7, 70, "")
	add("b", "10", "50", 7, 70, "too late")
	add("b", "10", "fast", 7, 70, "")
	got := r.Series("rate", "rate")
	want := []report.Series{
		{Name: "a readers=10", Points: []report.Point{{50, 2, 20}, {100, 4, 40}}},
		{Name: "b readers=10", Failed: []float64{50}},
		{Name: "a readers=20", Points: []report.Point{{50, 7, 70}}},
	}
	if !slices.EqualFunc(got, want, func(a, b report.Series) bool {
		return a.Name == b.Name && slices.Equal(a.Points, b.Points) && slices.Equal(a.Failed, b.Failed)
	}) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := r.Series("fan-out", "rate"); got != nil {
		t.Errorf("a scenario that did not run has %+v", got)
	}
}
