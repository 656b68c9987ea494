package observability_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/parley-chat/parley/observability"
)

//go:generate go test -run ^TestTheTableOfMetricsIsInStep$ -update .

var update = flag.Bool("update", false, "write METRICS.md anew")

func TestTheTableOfMetricsIsInStep(t *testing.T) {
	t.Parallel()
	o := newObserver(t)
	o.Pool(somePool{})
	o.Health(serving(observability.Part{Name: "store", Checker: &checker{}}))
	all, err := o.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile("testdata/metrics_head.md")
	if err != nil {
		t.Fatal(err)
	}
	table := bytes.NewBuffer(head)
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "parley_") {
			fmt.Fprintf(table, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), labels(f), f.GetHelp())
		}
	}
	// Which of these exist depends on the operating system and Go.
	table.WriteString("| `go_…` | | | from the Go runtime: memory, garbage collection, goroutines, scheduling |\n")
	table.WriteString("| `process_…` | | | from the operating system, about the process: CPU, memory, open files, network |\n")
	const file = "METRICS.md"
	if *update {
		if err := os.WriteFile(file, table.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	written, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(written, table.Bytes()) {
		t.Errorf("%s is not what the code says (%v): run make generate", file, err)
	}
}

func labels(f *dto.MetricFamily) string {
	var names []string
	for _, m := range f.Metric {
		for _, l := range m.Label {
			if name := "`" + l.GetName() + "`"; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ", ")
}
