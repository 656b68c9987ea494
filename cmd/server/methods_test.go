package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestAllowSaysWhichMethodsAnAddressTakes compares the Allow header of a refusal with the address's
// answers to each method.
func TestAllowSaysWhichMethodsAnAddressTakes(t *testing.T) {
	t.Parallel()
	s := start(t, forTest(t))
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}
	const room = "/v1/rooms/general"
	paths := []string{
		"/", "/page.js", "/page.json", "/dev/key", "/dev/token", "/healthz", "/readyz", "/openapi.json", "/asyncapi.json", "/ws", "/ws/general",
		"/v1/rooms", room, room + "/entries", room + "/messages", room + "/messages/1", room + "/messages/1/reactions/x",
		room + "/members", room + "/members/alice",
	}
	for i := range paths {
		paths[i] = s.URL() + paths[i]
	}
	for _, path := range []string{
		"/", "/healthz", "/readyz", "/metrics", "/debug/rooms", "/debug/sessions", "/debug/settings", "/debug/build", "/debug/log-level",
		"/debug/pprof/", "/users/alice/sessions", "/users/alice/tokens",
	} {
		paths = append(paths, s.AdminURL()+path)
	}
	for _, path := range paths {
		var takes []string
		allowed := map[string]string{}
		for _, method := range methods {
			request, err := http.NewRequestWithContext(t.Context(), method, path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode == http.StatusMethodNotAllowed {
				allowed[method] = response.Header.Get("Allow")
			} else {
				takes = append(takes, method)
			}
		}
		slices.Sort(takes)
		if len(takes) == 0 || len(allowed) == 0 {
			t.Errorf("%s takes %v", path, takes)
		}
		for method, says := range allowed {
			list := strings.Split(says, ", ")
			if slices.Sort(list); !slices.Equal(list, takes) {
				t.Errorf("%s %s says Allow: %s, and takes %v", method, path, says, takes)
			}
		}
	}
}
