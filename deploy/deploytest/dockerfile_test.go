package deploytest_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/parley-chat/parley/deploy/deploytest"
)

func TestADockerfileIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	stages, err := deploytest.ParseDockerfile(`# a comment
FROM --platform=$BUILDPLATFORM golang:1 AS build
RUN --mount=type=cache,target=/a --mount=type=cache,target=/b \
    # between lines
    go build && \
    echo "done"

FROM scratch
ENV A=1 B="two words" \
    C=
COPY --from=build --chown=1:2 /a /b
HEALTHCHECK --interval=1s CMD ["/a", "b c"]
CMD ["serve"]
CMD ["serve", "again"]
`)
	if err != nil || len(stages) != 2 {
		t.Fatalf("got %d stages, %v", len(stages), err)
	}
	first, second := stages[0], stages[1]
	if first.Base != "golang:1" || first.Name != "build" {
		t.Errorf("got %s AS %s", first.Base, first.Name)
	}
	run := first.Steps[0]
	if run.Text != `go build && echo "done"` || len(run.Flags["mount"]) != 2 {
		t.Errorf("got %q with %v", run.Text, run.Flags)
	}
	if want := map[string]string{"A": "1", "B": "two words", "C": ""}; !maps.Equal(second.Env(), want) {
		t.Errorf("got %v, want %v", second.Env(), want)
	}
	if copied := second.Steps[1]; copied.Flags["from"][0] != "build" || !slices.Equal(copied.Words, []string{"/a", "/b"}) {
		t.Errorf("got %v", copied)
	}
	if check := second.Steps[2]; !slices.Equal(check.Words, []string{"/a", "b c"}) {
		t.Errorf("got %q", check.Words)
	}
	if again := second.Last("CMD").Words; !slices.Equal(again, []string{"serve", "again"}) {
		t.Errorf("the last counts; got %q", again)
	}
}

func TestWhatTheReaderDoesNotKnowIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"FROM scratch\nADD a b", "ARG A\nFROM scratch", "FROM scratch\nCMD [serve]", "FROM scratch\nWORKDIR", "FROM scratch\nCOPY <<EOF /a\nEOF",
	} {
		if stages, err := deploytest.ParseDockerfile(text); err == nil {
			t.Errorf("%q is read as %v", text, stages)
		}
	}
}

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
