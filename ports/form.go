package ports

import "sync"

// Form is a place for an entry as it is written for others, so that this is done once however many
// get it. It belongs to the entry in one form: an entry that was changed has another one. It may be
// used concurrently. The zero value is empty.
type Form struct {
	once sync.Once
	data []byte
}

// Of returns what is kept, which is what the first call has made. It is not to be changed.
func (f *Form) Of(write func() []byte) []byte {
	f.once.Do(func() { f.data = write() })
	return f.data
}
