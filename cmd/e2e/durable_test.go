package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// durableReads asks for a room as a stream of the Durable Streams protocol.
func (s *service) durableReads(t *testing.T, user, room, query string, headers ...string) (int, http.Header, []frame, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/ds/rooms/"+room+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token(t, user))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var entries []frame
	if strings.HasPrefix(string(body), "[") {
		if err := json.Unmarshal(body, &entries); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	return response.StatusCode, response.Header, entries, string(body)
}

func durablePages(t *testing.T, s *service) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 450)
	offset, total := "-1", 0
	for page := range 3 {
		status, header, entries, body := s.durableReads(t, "bob", room, "?offset="+offset)
		if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
			t.Fatalf("page %d: %d %.200s", page, status, body)
		}
		for _, e := range entries {
			if total++; e.num("seq") != int64(total) {
				t.Fatalf("entry %d is %v", total, e)
			}
		}
		next := header.Get("Stream-Next-Offset")
		if next <= offset && offset != "-1" {
			t.Errorf("the offset %s follows %s", next, offset)
		}
		if upToDate := header.Get("Stream-Up-To-Date"); (upToDate == "true") != (page == 2) {
			t.Errorf("page %d: %q", page, upToDate)
		}
		if page == 1 { // nothing has changed
			if status, _, _, body := s.durableReads(t, "bob", room, "?offset="+offset, "If-None-Match", header.Get("ETag")); status != http.StatusNotModified || body != "" {
				t.Errorf("again, with a tag: %d %.100s", status, body)
			}
			alice.asks("edit", "room", room, "seq", 300, "body", "anew")
			if status, _, _, _ := s.durableReads(t, "bob", room, "?offset="+offset, "If-None-Match", header.Get("ETag")); status != http.StatusOK {
				t.Errorf("after an edit: %d", status)
			}
			alice.asks("delete", "room", room, "seq", 1) // two more entries
		}
		offset = next
	}
	_, header, _, _ := s.durableReads(t, "bob", room, "?offset="+offset)
	if total != 452 {
		t.Errorf("%d entries", total)
	}
	tail := header.Get("Stream-Next-Offset")
	if _, header, entries, body := s.durableReads(t, "bob", room, "?offset=now"); body != "[]" || len(entries) != 0 || header.Get("Stream-Next-Offset") != tail || header.Get("Stream-Up-To-Date") != "true" {
		t.Errorf("from now on: %v %s", header, body)
	}
	later := make(chan []frame, 1)
	go func() {
		_, header, entries, _ := s.durableReads(t, "bob", room, "?live=long-poll&offset=now&cursor=999999999999")
		if cursor := header.Get("Stream-Cursor"); len(cursor) < 12 || cursor <= "999999999999" && len(cursor) == 12 {
			t.Errorf("the cursor is %s", cursor)
		}
		later <- entries
	}()
	for sent := 453; ; sent++ {
		saysAll(t, alice, room, sent, sent)
		select {
		case got := <-later:
			if len(got) == 0 || got[0].num("seq") < 453 {
				t.Errorf("the poll got %v", got)
			}
			return
		default:
		}
	}
}

func durableEvents(t *testing.T, s *service) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 3)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/ds/rooms/"+room+"?offset=-1&live=sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token(t, "bob"))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("the type is %s", got)
	}
	in := bufio.NewReader(response.Body)
	event := func() (kind, data string) {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case field == "event":
				kind = value
			case field == "data":
				data += value
			case line == "\n" && kind != "":
				return kind, data
			}
		}
	}
	wants := func(kind, part string) {
		t.Helper()
		if gotKind, data := event(); gotKind != kind || !strings.Contains(data, part) {
			t.Fatalf("came %s %s, want %s with %s", gotKind, data, kind, part)
		}
	}
	for i := 1; i <= 4; i++ {
		if i == 4 {
			saysAll(t, alice, room, 4, 4)
		}
		wants("data", fmt.Sprintf(`"seq":%d,`, i))
		part := fmt.Sprintf(`"streamNextOffset":"%016d_`, i)
		if i >= 3 {
			part = `"upToDate":true`
		}
		wants("control", part)
	}
}

func durableRefusals(t *testing.T, s *service) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 1)
	_, header, _, _ := s.durableReads(t, "bob", room, "?offset=-1")
	_, log, _ := strings.Cut(header.Get("Stream-Next-Offset"), "_")
	for query, want := range map[string]int{
		"?offset=x": 400, "?offset=1": 400, "?offset=": 400, "?offset=-2": 400, "?offset=-1&offset=-1": 400, "?live=sse": 400, "?live=long-poll": 400, "?offset=-1&live=x": 400,
		"?offset=0000000000000002_" + log: 400, "?offset=0000000000000002_" + log + "&live=sse": 400, "?offset=0000000000000001_older": 410,
		"?offset=0000000000000001_older&live=sse": 410, "?offset=0000000000000001": 400,
	} {
		if status, _, _, body := s.durableReads(t, "bob", room, query); status != want {
			t.Errorf("%s: %d %s, want %d", query, status, body, want)
		}
	}
	if status, _, _, body := s.durableReads(t, "bob", s.room(), "?offset=-1"); status != http.StatusNotFound {
		t.Errorf("a room that is not there: %d %s", status, body)
	}
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
		if status, _, _ := s.calls(t, s.token(t, "bob"), method, "/v1/ds/rooms/"+room, frame{}); status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, status)
		}
	}
	if status, _, header := s.calls(t, s.token(t, "bob"), http.MethodHead, "/v1/ds/rooms/"+room, nil); status != http.StatusOK || !strings.HasPrefix(header.Get("Stream-Next-Offset"), "0000000000000001_") {
		t.Errorf("HEAD: %d %v", status, header)
	}
}
