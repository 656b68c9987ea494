package ports

import "sync"

// Form is a place for the encoded form of an entry, so that the entry is encoded only once, however
// many get it. A Form belongs to one state of the entry: when the entry changes, it gets another
// Form. It may be used concurrently. The zero value is empty.
type Form struct {
	once sync.Once
	data []byte
}

// Of returns the encoded form. The first call makes it with write. It must not be changed.
func (f *Form) Of(write func() []byte) []byte {
	f.once.Do(func() { f.data = write() })
	return f.data
}
