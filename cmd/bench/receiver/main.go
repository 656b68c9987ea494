// Receiver is the endpoint of webhooks in a benchmark. It is a back end that answers at once. It is
// a process of its own, so that its CPU time is not counted as the service's.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "the address that it listens on")
	flag.Parse()
	var told atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		told.Add(entriesOf(q.Header.Get("webhook-id")))
	})
	mux.HandleFunc("GET /told", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, told.Load()) })
	server := http.Server{Addr: *addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, os.Interrupt)
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	case <-ended:
	}
}

// entriesOf returns how many entries a batch has, by its id <hook>.<room>.<first>-<last>.<digest>.
// A hook without types takes all entries between the bounds.
func entriesOf(id string) int64 {
	parts := strings.Split(id, ".")
	if len(parts) < 4 {
		return 0
	}
	low, high, _ := strings.Cut(parts[len(parts)-2], "-")
	first, err := strconv.ParseInt(low, 10, 64)
	last, err2 := strconv.ParseInt(high, 10, 64)
	if err != nil || err2 != nil {
		return 0
	}
	return last - first + 1
}
