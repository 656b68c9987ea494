package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// format names the JSON's shape; it changes if a reader of the old one would misread it.
const format = "parley-bench/1"

// document is a report as it is written.
type document struct {
	Format string `json:"format"`
	*Report
}

// WriteJSON writes the report in the form of the package's documentation.
func (r *Report) WriteJSON(w io.Writer) error {
	copied := *r
	if copied.Command == nil {
		copied.Command = []string{}
	}
	copied.Results = make([]Result, len(r.Results))
	for i, result := range r.Results {
		// Empty lists, not null, so that readers need not distinguish them.
		if result.Params == nil {
			result.Params = []Param{}
		}
		if result.Measures == nil {
			result.Measures = []Measure{}
		}
		copied.Results[i] = result
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document{format, &copied}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// ReadJSON reads a report of WriteJSON, and nothing may follow it. Unknown fields are left out, and
// another format is an error.
func ReadJSON(r io.Reader) (*Report, error) {
	doc := document{Report: &Report{}}
	d := json.NewDecoder(r)
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if doc.Format != format {
		return nil, fmt.Errorf("read the report: its format is %q, not %q", doc.Format, format)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the report: something follows it")
	}
	return doc.Report, nil
}

// written is a Measure whose value can be written in JSON.
type written struct {
	Name  string   `json:"name"`
	Unit  string   `json:"unit"`
	Value *float64 `json:"value"`
}

// MarshalJSON writes NaN and infinite values as null.
func (m Measure) MarshalJSON() ([]byte, error) {
	w := written{Name: m.Name, Unit: m.Unit}
	if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
		w.Value = &m.Value
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads null, or a missing value, as NaN.
func (m *Measure) UnmarshalJSON(b []byte) error {
	var w written
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*m = Measure{Name: w.Name, Unit: w.Unit, Value: math.NaN()}
	if w.Value != nil {
		m.Value = *w.Value
	}
	return nil
}
