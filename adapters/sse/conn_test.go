package sse

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestAStreamKeepsTheContractOfConnections(t *testing.T) {
	t.Parallel()
	for _, by := range ways() {
		t.Run(by.name, func(t *testing.T) {
			t.Parallel()
			portstest.Conn(t, func(t *testing.T, stall time.Duration) portstest.ConnUnderTest {
				t.Helper()
				h := newHub()
				r := asks(t, serve(t, h, by, stall), "/v1/rooms/tea/stream")
				s := receive(t, "the session", h.opened)
				if err := s.conn.Write(text("{}")); err != nil {
					t.Fatal(err)
				}
				if got := r.heads(); got.StatusCode != http.StatusOK { //nolint:bodyclose // the test reads on below
					t.Fatalf("the status is %d", got.StatusCode)
				}
				for line, err := r.line(); line != "data: {}"; line, err = r.line() {
					if err != nil {
						t.Fatal(err)
					}
				}
				return portstest.ConnUnderTest{Conn: &framed{Conn: s.conn}, Client: r}
			})
		})
	}
}

// framed puts bytes into frames. A frame that is not taken whole comes again, as the same one.
type framed struct {
	ports.Conn
	again []byte // that frame
	size  int    // its bytes of the stream
}

const chunk = 1000 // bytes of a frame

// frame returns the frame that begins p, and how many bytes of p it has.
func (f *framed) frame(p []byte) (is []byte, size int) {
	if f.again != nil {
		is, size, f.again = f.again, f.size, nil
		return is, size
	}
	size = min(chunk, len(p))
	return text(base64.StdEncoding.EncodeToString(p[:size])), size
}

func (f *framed) TryWrite(p []byte) (done int, err error) {
	for done < len(p) {
		is, size := f.frame(p[done:])
		n, err := f.Conn.TryWrite(is)
		if err != nil || n < len(is) {
			f.again, f.size = is, size
			return done, err
		}
		done += size
	}
	return done, nil
}

func (f *framed) Write(p []byte) error {
	var frames []byte
	for len(p) > 0 {
		is, size := f.frame(p)
		frames, p = append(frames, is...), p[size:]
		if len(frames) > 256<<10 || len(p) == 0 {
			if err := f.Conn.Write(frames); err != nil {
				return err
			}
			frames = frames[:0]
		}
	}
	return nil
}
