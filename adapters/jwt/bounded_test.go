package jwt

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// TestKnownTokensAreBounded puts more tokens than are kept. The latest ones are.
func TestKnownTokensAreBounded(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		grants chat.Grants
		size   int // of a token
		kept   int // max
	}{
		"small ones":              {nil, 600, 2 * maxKnownBytes / knownBytes},
		"large ones, with grants": {chat.Grants{"tea": chat.Read}, maxTokenBytes, 2 * maxKnownBytes / maxTokenBytes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var k known
			var d digest
			is := verified{chat.Identity{Grants: row.grants, Expires: time.Now().Add(time.Hour)}, 1}
			const all = 100_000
			for n := range uint64(all) {
				binary.LittleEndian.PutUint64(d[:], n)
				k.put(d, is, row.size)
			}
			if kept := len(k.young) + len(k.old); kept > row.kept || kept < row.kept/4 {
				t.Errorf("%d are kept, want at most %d", kept, row.kept)
			}
			if _, ok := k.find(d, 1); !ok {
				t.Error("the last one is not known")
			}
			if _, ok := k.find(d, 2); ok {
				t.Error("it is known though there are other keys")
			}
			binary.LittleEndian.PutUint64(d[:], 0)
			if _, ok := k.find(d, 1); ok {
				t.Error("the first one is still known")
			}
		})
	}
}
