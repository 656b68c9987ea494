package report_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/parley-chat/parley/cmd/bench/report"
)

// Whatever can be read can be written, in every form, and reads back the same.
func FuzzReadJSON(f *testing.F) {
	seed, err := os.ReadFile("testdata/report.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"format":"parley-bench/1","results":[{"scenario":"rate","params":[{"name":"rate","value":"1e-6"}],"latency":{"p50_ns":-1}}]}`))
	f.Add([]byte(`{"format":"parley-bench/1","results":[{},{"params":[{}],"measures":[{"value":1e308},{"unit":"bytes","value":-1e-308}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := report.ReadJSON(bytes.NewReader(text))
		if err != nil {
			return
		}
		first := written(t, func(b *bytes.Buffer) error { return r.WriteJSON(b) })
		again, err := report.ReadJSON(bytes.NewReader(first))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if second := written(t, func(b *bytes.Buffer) error { return again.WriteJSON(b) }); !bytes.Equal(first, second) {
			t.Errorf("got\n%s\nthen\n%s", first, second)
		}
		table(t, r)
	})
}
