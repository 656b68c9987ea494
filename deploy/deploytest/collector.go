package deploytest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Collector takes what is sent to it by OTLP over HTTP, and forgets it.
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

// ServeHTTP takes one message: an empty answer says that all of it is taken.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.paths, r.URL.Path) {
		c.paths = append(c.paths, r.URL.Path)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Paths returns where something was sent to, each once.
func (c *Collector) Paths() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.paths))
}
