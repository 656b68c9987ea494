package delivery

import (
	"container/list"
	"context"
	"sync"
)

// queue hands tasks to workers, first come first served. Who puts tasks bounds how many there are: one a feed, or one that an operator
// asked for.
type queue struct {
	wake chan struct{} // holds one: there may be tasks

	mu    sync.Mutex
	tasks []func(context.Context)
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) put(task func(context.Context)) {
	q.mu.Lock()
	q.tasks = append(q.tasks, task)
	q.mu.Unlock()
	q.nudge()
}

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) take() (task func(context.Context), more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.tasks) == 0 {
		return nil, false
	}
	task, q.tasks[0] = q.tasks[0], nil
	q.tasks = q.tasks[1:]
	return task, len(q.tasks) > 0
}

// run does tasks until ctx ends. Any number of workers may run.
func (q *queue) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		for task, more := q.take(); task != nil && ctx.Err() == nil; task, more = q.take() {
			if more {
				q.nudge() // for another worker
			}
			task(ctx)
		}
	}
}

// waitlist are follows that wait for a worker, first come first served. Each is on it once at most, and one that ends leaves it: what
// clients do makes it no longer than what they follow.
type waitlist struct {
	wake chan struct{} // holds one: there may be some

	mu   sync.Mutex
	list list.List
}

func newWaitlist() *waitlist { return &waitlist{wake: make(chan struct{}, 1)} }

// put returns the place of a follow, by which it can leave.
func (w *waitlist) put(fl *follow) *list.Element {
	w.mu.Lock()
	at := w.list.PushBack(fl)
	w.mu.Unlock()
	w.nudge()
	return at
}

// leave takes a follow off the list, if it is there still.
func (w *waitlist) leave(at *list.Element) {
	if at == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list.Remove(at)
}

func (w *waitlist) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// wait waits until there may be follows on the list; false once ctx has ended.
func (w *waitlist) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-w.wake:
		return true
	}
}

// take takes the first ones, up to most, and calls another worker where more are left.
func (w *waitlist) take(most int) (first []*follow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(first) < most && w.list.Len() > 0 {
		first = append(first, w.list.Remove(w.list.Front()).(*follow))
	}
	if w.list.Len() > 0 {
		w.nudge()
	}
	return first
}
