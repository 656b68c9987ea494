package deploytest_test

import (
	"testing"

	"github.com/parley-chat/parley/deploy/deploytest"
)

func TestAPathLeadsThroughMapsAndLists(t *testing.T) {
	t.Parallel()
	document := deploytest.YAML(t, []byte("---\na: {b: [{c: x}, {c: 2}]}\n---\n# nothing\n"))
	if len(document) != 1 {
		t.Fatalf("got %d documents, want 1", len(document))
	}
	if got := deploytest.At[string](t, document[0], "a.b.0.c"); got != "x" {
		t.Errorf("got %q", got)
	}
	if got := deploytest.At[int](t, document[0], "a.b.1.c"); got != 2 {
		t.Errorf("got %d", got)
	}
	for _, nowhere := range []string{"a.b.2.c", "a.x.c", "a.b.0.c.d", "x"} {
		if got := deploytest.At[any](t, document[0], nowhere); got != nil {
			t.Errorf("%s: got %v", nowhere, got)
		}
	}
}
