package finding

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Rows of an index are read without a crash, whatever is in them. What is read from a piece is
// written as it was, or shorter.
func FuzzRows(f *testing.F) {
	docs := []Doc{{Seq: 7, At: time.UnixMicro(99), Tokens: []string{"tea", "teapot"}}, {Seq: 300, At: time.UnixMicro(100), Tokens: []string{"tea"}}}
	change, err := NewPlan(nil, docs).Change(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range change.Made[0].Pieces {
		f.Add(p.Data)
	}
	f.Add(change.Manifest.Bytes())
	f.Add(change.Manifest.Beside())
	f.Fuzz(func(t *testing.T, data []byte) {
		p := Piece{Data: data}
		for _, prefix := range []bool{false, true} {
			if _, err := p.has(7, term{token: []byte("tea"), prefix: prefix}, nil); err != nil && !errors.Is(err, chat.Internal) {
				t.Error(err)
			}
		}
		if all, err := p.all(7, nil); err == nil && len(all) > 0 {
			var again []byte
			before := ""
			for _, posting := range all {
				again, before = appendPosting(again, before, posting, 7), posting.token
			}
			second, err := Piece{Data: again}.all(7, nil)
			if err != nil || len(again) > len(data) || len(second) != len(all) || second[len(all)-1].token != before {
				t.Errorf("%x is read and written as %x, %v", data, again, err)
			}
		}
		if all, err := moments(data); err == nil && len(all) > 0 {
			if again, err := moments(encoded(all)); err != nil || len(again) != len(all) {
				t.Errorf("moments %v are read again as %v, %v", all, again, err)
			}
		}
		_, _ = ParseManifest(change.Manifest.Bytes(), data)
		if m, err := ParseManifest(data, nil); err == nil && len(m) > 0 {
			again := m.Bytes()
			if second, err := ParseManifest(again, nil); err != nil || !bytes.Equal(second.Bytes(), again) {
				t.Errorf("%v is read again as %v, %v", m, second, err)
			}
		}
	})
}
