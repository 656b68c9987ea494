package prometheus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for an expected event. It is long because machines are slow at
// times; no test that passes waits so long.
const patience = time.Minute

// monitor is a running Prometheus.
type monitor struct {
	url    string
	client http.Client
}

// runs starts Prometheus with a configuration. Prometheus takes a free port by itself and logs it.
func runs(t *testing.T, config string) *monitor {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "prometheus"),
		"--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--log.format=json", "--enable-feature=exemplar-storage")
	output, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening, log := make(chan string, 1), make(chan string, 1)
	go follow(output, listening, log)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		said := <-log // Prometheus has ended
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("Prometheus ended (%v) and said:\n%s", err, said)
		}
	})
	select {
	case addr, ok := <-listening:
		if !ok {
			t.Fatal("Prometheus ended before it listened")
		}
		m := &monitor{url: "http://" + addr, client: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
		eventually(t, "Prometheus is ready", func() error { return m.asks("status/runtimeinfo", nil, new(any)) })
		return m
	case <-time.After(patience):
		t.Fatal("Prometheus does not listen")
	}
	return nil
}

// follow reads a log to its end. It sends the listening address to listening, and important lines
// to log.
func follow(output io.Reader, listening, log chan<- string) {
	defer close(listening)
	var notable strings.Builder
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for found := false; lines.Scan(); {
		var line struct{ Level, Msg, Address string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Level != "INFO" {
			notable.WriteString(lines.Text() + "\n")
		}
		if line.Msg == "Listening on" && !found {
			found = true
			listening <- line.Address
		}
	}
	log <- notable.String()
}

// asks calls the HTTP API and decodes its data.
func (m *monitor) asks(path string, params url.Values, data any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+"/api/v1/"+path+"?"+params.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := m.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var body struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if body.Status != "success" {
		return errors.New(body.Error)
	}
	return json.Unmarshal(body.Data, data)
}

// sample is one result of a query.
type sample struct {
	Metric map[string]string
	Value  [2]any // the time, and the value as a string
}

func (s sample) number() float64 {
	text, _ := s.Value[1].(string)
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return number
}

// query evaluates an expression now. All our expressions are vectors.
func (m *monitor) query(expr string) (vector []sample, err error) {
	data := struct {
		ResultType string
		Result     *[]sample
	}{Result: &vector}
	err = m.asks("query", url.Values{"query": {expr}}, &data)
	if err == nil && data.ResultType != "vector" {
		err = fmt.Errorf("got a %s, want a vector", data.ResultType)
	}
	return vector, err
}

// selector is a metric with matchers in an expression.
type selector struct {
	metric   string
	matchers []matcher
}

type matcher struct{ name, op, value string }

// parse returns the selectors of an expression.
func (m *monitor) parse(expr string) (found []selector, err error) {
	var tree any
	if err := m.asks("parse_query", url.Values{"query": {expr}}, &tree); err != nil {
		return nil, err
	}
	walk(tree, func(node map[string]any) {
		if kind := node["type"]; kind != "vectorSelector" && kind != "matrixSelector" {
			return
		}
		one := selector{}
		one.metric, _ = node["name"].(string)
		matchers, _ := node["matchers"].([]any)
		for _, each := range matchers {
			by, _ := each.(map[string]any)
			one.matchers = append(one.matchers, matcher{fmt.Sprint(by["name"]), fmt.Sprint(by["type"]), fmt.Sprint(by["value"])})
		}
		found = append(found, one)
	})
	return found, nil
}

func walk(tree any, visit func(map[string]any)) {
	switch node := tree.(type) {
	case map[string]any:
		visit(node)
		for _, child := range node {
			walk(child, visit)
		}
	case []any:
		for _, child := range node {
			walk(child, visit)
		}
	}
}

// exactly returns the selector with only its matchers of one value: these series must exist even
// without a fault.
func (s selector) exactly() string {
	var matchers []string
	for _, m := range s.matchers {
		if m.op == "=" {
			matchers = append(matchers, m.name+"="+strconv.Quote(m.value))
		}
	}
	return "{" + strings.Join(matchers, ",") + "}"
}

// eventually tries until it succeeds or patience is over.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}
