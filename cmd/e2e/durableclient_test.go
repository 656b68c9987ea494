package e2e_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// durableClient reads a room with the client of Durable Streams for Node: first what is there, then
// live, by both ways, until it has as many entries as it is told. It prints their places.
const durableClient = `
const {createRequire} = require("node:module");
const {stream} = createRequire(process.argv[1] + "/")("@durable-streams/client");
const {url, token, live, count, offset} = JSON.parse(process.argv[2]);
(async () => {
  const got = [];
  const response = await stream({url, offset, live, headers: {Authorization: "Bearer " + token}});
  console.log("reading");
  await new Promise((resolve) => response.subscribeJson((batch) => {
    for (const entry of batch.items) got.push(entry.seq);
    if (got.length >= count) resolve();
  }));
  console.log(JSON.stringify({got, offset: response.offset}));
  response.cancel();
})().catch((e) => { console.error(e); process.exit(1); });
`

// TestAClientOfDurableStreams has the library of that protocol read a room, and go on by its
// offset.
func TestAClientOfDurableStreams(t *testing.T) {
	t.Parallel()
	tools, err := filepath.Abs("../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, "memory://", nil)
	for _, live := range []any{"long-poll", "sse"} {
		room, alice := s.room(), s.connects(t, "alice")
		alice.asks("join", "room", room)
		saysAll(t, alice, room, 1, 250)
		read := func(offset string, count int, said func()) (got []int, next string) {
			ctx, cancel := context.WithTimeout(t.Context(), patience+40*time.Second)
			defer cancel()
			ask, err := json.Marshal(map[string]any{
				"url": s.url + "/v1/ds/rooms/" + room, "token": s.token(t, "bob"), "live": live, "count": count, "offset": offset,
			})
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(ctx, filepath.Join(tools, "node", "bin", "node"), "-e", durableClient, filepath.Join(tools, "durable-streams"), string(ask))
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatalf("%v (run make tools if it is not there)", err)
			}
			said()
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v: %v\n%s", live, err, &out)
			}
			_, text, _ := strings.Cut(out.String(), "reading\n")
			var answer struct {
				Got    []int
				Offset string
			}
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				t.Fatalf("%q: %v", out.String(), err)
			}
			return answer.Got, answer.Offset
		}
		got, next := read("-1", 270, func() { saysAll(t, alice, room, 251, 270) })
		for i, seq := range got {
			if seq != i+1 {
				t.Fatalf("%v: entry %d is %d", live, i+1, seq)
			}
		}
		got, _ = read(next, 5, func() { saysAll(t, alice, room, 271, 275) })
		if len(got) != 5 || got[0] != 271 || got[4] != 275 {
			t.Errorf("%v: it goes on with %v", live, got)
		}
	}
}
