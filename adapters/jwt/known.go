package jwt

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// known are tokens that were verified, by their digests: most of a verification is arithmetic, and
// clients show the same token again, at each request and when they reconnect. They are bounded: two
// generations are kept, and when the young one is full, the old one is forgotten.
type known struct {
	mu         sync.Mutex
	young, old map[digest]verified
	bytes      int // of the young ones, about
}

type digest = [sha256.Size]byte

// verified is what a token says, and which keys it was verified with: see keySet.version.
type verified struct {
	chat.Identity
	keys uint64
}

const (
	maxKnownBytes = 8 << 20 // of each generation
	// Bytes of a known token, about, without those of its grants: they are taken to be as large as
	// the token.
	knownBytes = 512
)

// find returns the identity of a token that was verified with the present keys and has not expired.
// That it was valid already then does not change.
func (k *known) find(d digest, keys uint64) (who chat.Identity, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	is, ok := k.young[d]
	if !ok {
		is, ok = k.old[d]
	}
	return is.Identity, ok && is.keys == keys && time.Now().Before(is.Expires)
}

// put remembers a token of size bytes.
func (k *known) put(d digest, is verified, size int) {
	if is.Grants == nil {
		size = 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.young == nil || k.bytes+knownBytes+size > maxKnownBytes {
		k.young, k.old, k.bytes = map[digest]verified{}, k.young, 0
	}
	k.young[d] = is
	k.bytes += knownBytes + size
}
