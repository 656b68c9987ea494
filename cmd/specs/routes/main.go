// Command routes runs a client and checks that it calls every route of openapi.json, with success:
// routes DOCUMENT URL COMMAND [ARG...]. It stands between the client and the service, and counts
// what the service answers with 200–299. The command finds the service at $URL.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: routes DOCUMENT URL COMMAND [ARG...]")
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		log.Fatalf("%s: %v", strings.Join(os.Args[3:], " "), err)
	}
}

func run(ctx context.Context, document, service string, command []string) error {
	described, err := routes(document)
	if err != nil {
		return err
	}
	target, err := url.Parse(service)
	if err != nil {
		return err
	}
	seen := &record{described: described, called: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: seen.add,
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: proxy}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(ln) }()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "URL=http://"+ln.Addr().String())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	failed := cmd.Run()
	_ = server.Close()
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if failed != nil {
		return failed
	}
	return seen.verdict(strings.Join(command, " "))
}

// routes returns what the document describes: "GET /v1/rooms/{room}", ….
func routes(document string) ([]string, error) {
	text, err := os.ReadFile(document)
	if err != nil {
		return nil, err
	}
	var tree struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	var all []string
	for path, item := range tree.Paths {
		for method := range item {
			if slices.Contains([]string{"get", "put", "post", "delete", "patch", "head", "options", "trace"}, method) {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return nil, errors.New("the document describes no route")
	}
	return all, nil
}

// record counts the calls of each route that had success.
type record struct {
	described []string
	mu        sync.Mutex
	called    map[string]int
	strange   []string // calls of what the document does not describe
}

func (r *record) add(answer *http.Response) error {
	call := answer.Request.Method + " " + answer.Request.URL.EscapedPath()
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.described, func(route string) bool { return fits(route, call) })
	if at < 0 {
		r.strange = append(r.strange, call)
	} else if answer.StatusCode/100 == 2 {
		r.called[r.described[at]]++
	}
	return nil
}

// fits reports whether a call is one of a route: each {parameter} is one segment.
func fits(route, call string) bool {
	parts, given := strings.Split(route, "/"), strings.Split(call, "/")
	return slices.EqualFunc(parts, given, func(part, given string) bool {
		return part == given || strings.HasPrefix(part, "{") && given != ""
	})
}

func (r *record) verdict(client string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Printf("%s: %d of %d routes\n", client, len(r.called), len(r.described))
	missing := slices.DeleteFunc(slices.Clone(r.described), func(route string) bool { return r.called[route] > 0 })
	if len(missing) > 0 || len(r.strange) > 0 {
		return fmt.Errorf("not called with success: %q; not described: %q; called: %q",
			missing, r.strange, slices.Sorted(maps.Keys(r.called)))
	}
	return nil
}
