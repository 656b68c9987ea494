package deploytest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Collector accepts OTLP over HTTP, and drops it.
type Collector struct {
	URL string

	mu    sync.Mutex
	paths []string
}

// Collect starts a collector, for as long as the test lasts.
func Collect(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// ServeHTTP accepts one message: an empty answer means that all of it was accepted.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.paths, r.URL.Path) {
		c.paths = append(c.paths, r.URL.Path)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Paths returns the paths that were requested, each once.
func (c *Collector) Paths() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.paths))
}
