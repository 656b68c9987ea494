package work

import (
	"container/list"
	"context"
	"sync"
)

// Waitlist has values that wait for a worker, first come first served. A value can leave before its
// turn. Its methods may be called concurrently. Make one with NewWaitlist.
type Waitlist[T any] struct {
	wake chan struct{} // of capacity one: there may be values

	mu   sync.Mutex
	list list.List
}

// NewWaitlist returns an empty list.
func NewWaitlist[T any]() *Waitlist[T] { return &Waitlist[T]{wake: make(chan struct{}, 1)} }

// Put adds a value and returns its place, by which it can leave.
func (w *Waitlist[T]) Put(v T) *list.Element {
	w.mu.Lock()
	at := w.list.PushBack(v)
	w.mu.Unlock()
	nudge(w.wake)
	return at
}

// Leave removes a value from the list, if it is still there. at may be nil.
func (w *Waitlist[T]) Leave(at *list.Element) {
	if at == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list.Remove(at)
}

// Wait waits until there may be values on the list. It returns false once ctx has ended.
func (w *Waitlist[T]) Wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-w.wake:
		return true
	}
}

// Take takes the first values, at most limit. If more are left, it wakes another worker.
func (w *Waitlist[T]) Take(limit int) (first []T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(first) < limit && w.list.Len() > 0 {
		first = append(first, w.list.Remove(w.list.Front()).(T))
	}
	if w.list.Len() > 0 {
		nudge(w.wake)
	}
	return first
}
