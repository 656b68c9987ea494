package delivery

import (
	"context"
	"sync"
)

// queue hands tasks to workers, first come first served. Who puts tasks bounds how many there are: one a follow, or one a change of
// members.
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
