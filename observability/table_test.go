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

const tableHead = `# Metrics

Written by ` + "`make generate`" + ` from the code. All of them are on ` + "`/metrics`" + ` of the admin address (` + "`PARLEY_ADMIN_ADDR`" + `), also in the
OpenMetrics format, with exemplars that name a trace, and with native histograms where the scraper takes them. A histogram has ` + "`_bucket`, `_sum` and `_count`" + `.
No label has values of which there is no end: what goes on in which room is told by ` + "`/debug/rooms`" + `.

**Clocks.** ` + "`parley_hub_fanout_latency_seconds`" + ` counts from the commit. An entry that was made on this node counts by this node's clock alone; one that
was made elsewhere by its ` + "`at`" + `, which is the store's clock, so that what a notice or a comparison with the log brings late is seen to be late.
Nodes do not compare their clocks with the store's: keep both in step (NTP; tens of milliseconds do not matter to the objective of 250 ms).
A node whose clock is fast counts entries of others as that much later than they are, one whose clock is slow as that much earlier, never as
less than 0; and none as more than a minute late when it comes, beyond which the clocks are wrong rather than the entry late.

**Results.** Of commands and sends, ` + "`result`" + ` is ` + "`ok`" + ` or the code of the error that the client got. ` + "`unavailable` and `internal`" + ` are the service's
faults; all other codes are what clients ask for in vain, and no part of an objective. A frame or body that cannot be read counts under the type
that it says it is (a ` + "`send`" + ` without a body is an ` + "`invalid`" + ` send), and as ` + "`malformed`" + ` where it has none.

| metric | type | labels | meaning |
|---|---|---|---|
`

func TestTheTableOfMetricsIsInStep(t *testing.T) {
	t.Parallel()
	o := newObserver(t)
	o.Pool(somePool{})
	o.Health(serving(observability.Part{Name: "store", Checker: &checker{}}))
	all, err := o.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	table := bytes.NewBufferString(tableHead)
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "parley_") {
			fmt.Fprintf(table, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), labels(f), f.GetHelp())
		}
	}
	// Which of these there are is the operating system's and Go's.
	table.WriteString("| `go_…` | | | what the Go runtime tells: memory, garbage collection, goroutines, scheduling |\n")
	table.WriteString("| `process_…` | | | what the operating system tells of the process: CPU, memory, open files, network |\n")
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
