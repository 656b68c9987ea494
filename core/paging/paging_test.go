package paging_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/core/paging"
)

func TestACursorIsOfOneList(t *testing.T) {
	t.Parallel()
	parts := []string{"1", "", "Grüße 👋"}
	cursor := paging.Cursor(parts, "alice", "log")
	if got, ok := paging.Parts(cursor, 100, "alice", "log"); !ok || !slices.Equal(got, parts) {
		t.Errorf("got %q, %t; want %q", got, ok, parts)
	}
	for what, is := range map[string]struct {
		cursor string
		limit  int
		of     []string
	}{
		"of another user":       {cursor, 100, []string{"bob", "log"}},
		"of another log":        {cursor, 100, []string{"alice", "other"}},
		"of a list of less":     {cursor, 100, []string{"alice"}},
		"cut":                   {cursor[:len(cursor)-4], 100, []string{"alice", "log"}},
		"with another letter":   {"A" + cursor[1:], 100, []string{"alice", "log"}},
		"of nothing":            {"", 100, []string{"alice", "log"}},
		"of another alphabet":   {strings.Repeat("+/", 20), 100, []string{"alice", "log"}},
		"longer than it may be": {cursor, len(cursor) - 1, []string{"alice", "log"}},
	} {
		if got, ok := paging.Parts(is.cursor, is.limit, is.of...); ok {
			t.Errorf("a cursor %s is taken: %q", what, got)
		}
	}
}
