package work

import (
	"context"
	"sync"
)

// Queue hands tasks to workers, first come first served. It is not bounded: its users must bound
// the number of tasks. Its methods may be called concurrently. Make one with NewQueue.
type Queue struct {
	wake chan struct{} // of capacity one: there may be tasks

	mu    sync.Mutex
	tasks []func(context.Context)
}

// NewQueue returns an empty queue.
func NewQueue() *Queue { return &Queue{wake: make(chan struct{}, 1)} }

// Put adds a task at the end. It does not wait.
func (q *Queue) Put(task func(context.Context)) {
	q.mu.Lock()
	q.tasks = append(q.tasks, task)
	q.mu.Unlock()
	nudge(q.wake)
}

func (q *Queue) take() (task func(context.Context), more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.tasks) == 0 {
		return nil, false
	}
	task, q.tasks[0] = q.tasks[0], nil
	q.tasks = q.tasks[1:]
	return task, len(q.tasks) > 0
}

// Run does tasks until ctx ends. Any number of workers may call it.
func (q *Queue) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		for task, more := q.take(); task != nil && ctx.Err() == nil; task, more = q.take() {
			if more {
				nudge(q.wake) // for another worker
			}
			task(ctx)
		}
	}
}

func nudge(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
