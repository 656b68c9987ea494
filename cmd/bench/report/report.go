package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
)

// Report is the result of one call of the benchmark.
type Report struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"` // of Parley
	Command []string  `json:"command"`
	Machine Machine   `json:"machine"`
	// Base names the server that ratios refer to. If it did not run, the first one that did is
	// used.
	Base    string   `json:"base,omitempty"`
	Results []Result `json:"results"`
}

// Machine describes the machine of the measurements, but not whose it is.
type Machine struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`      // that the benchmark may use
	GOMAXPROCS int    `json:"gomaxprocs"` // less than Cores if a container's share is smaller
	Memory     uint64 `json:"memory_bytes"`
	OS         string `json:"os"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
}

// Result is one run of a scenario against a server.
type Result struct {
	Server     string    `json:"server"` // parley/sqlite, centrifuge, rawwrite
	Scenario   string    `json:"scenario"`
	Params     []Param   `json:"params"` // in the order to show them; results with equal ones are compared
	Repetition int       `json:"repetition"`
	Measures   []Measure `json:"measures"`
	Latency    *Summary  `json:"latency,omitempty"` // nil if the scenario has no latency
	Checks     Checks    `json:"checks"`
	// Error says why the run failed, or which check did; then its measures do not count. Empty: no
	// error.
	Error string `json:"error,omitempty"`
}

// Param is a parameter of a scenario: readers, 1000.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Measure is a number with its unit. Those with the same name and unit are compared. A unit that
// begins with "/" is shown after the name ("deliveries" and "/s"). One that begins with "bytes" is
// shown in KiB, MiB and so on.
type Measure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// Checks are the results of checking that each reader gets each entry once and in order.
type Checks struct {
	Entries    int64 `json:"entries"` // that were checked
	Lost       int64 `json:"lost"`
	Twice      int64 `json:"twice"`
	OutOfOrder int64 `json:"out_of_order"`
}

// New begins a report: with the time, this program's version and command line, and the centrifuge
// server as the base. The machine is left for the caller to fill in.
func New() *Report {
	return &Report{At: time.Now().UTC().Truncate(time.Second), Version: version(), Command: commandLine(os.Args), Base: "centrifuge"}
}

// version returns this program's version: the tag, or else the commit, with "+dirty" if files were
// changed.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	commit, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	return commit + dirty
}

// secret matches passwords in a URL or in a PostgreSQL connection string.
var secret = regexp.MustCompile(`(://[^\s/:@]*:)[^\s@]*(@)|(password=)[^\s&]*`)

// commandLine returns args so that they can be published: with the program's name instead of its
// path, without passwords.
func commandLine(args []string) []string {
	shown := make([]string, 0, len(args))
	for i, arg := range args {
		if i == 0 {
			arg = filepath.Base(arg)
		}
		shown = append(shown, secret.ReplaceAllString(arg, "${1}${3}xxxxx${2}"))
	}
	return shown
}

// Line returns the result in one line, for progress.
func (r *Result) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", r.name())
	if r.Error != "" {
		fmt.Fprintf(&b, "FAILED: %s", oneLine(r.Error))
		return b.String()
	}
	parts := make([]string, 0, len(r.Measures)+2)
	for _, m := range r.Measures {
		parts = append(parts, m.key().label()+" "+m.key().formatted(isWhole(m.Value))(m.Value))
	}
	if l := r.Latency; l != nil {
		parts = append(parts, fmt.Sprintf("p50 %s, p99 %s, max %s", duration(l.P50), duration(l.P99), duration(l.Max)))
	}
	parts = append(parts, quantity(float64(r.Checks.Entries))+" entries checked")
	b.WriteString(strings.Join(parts, ", "))
	return b.String()
}

// name identifies the run.
func (r *Result) name() string {
	parts := []string{r.Scenario}
	for _, p := range r.Params {
		parts = append(parts, p.Name+"="+p.Value)
	}
	parts = append(parts, r.Server)
	if r.Repetition > 0 {
		parts = append(parts, fmt.Sprintf("#%d", r.Repetition))
	}
	return strings.Join(parts, " ")
}

// oneLine shortens a server's output to one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
