package ws

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	moment     = time.Millisecond // a turn that takes longer counts as stuck
	maxWorkers = 16 << 10
)

// workerPool are the workers that give connections their turns, in the order in which they became
// ready. A turn is short, unless its command waits for the store. Then its worker counts as stuck
// after a moment, and another worker takes its place while there is work to do. So a turn that
// waits does not hold up others. When there is nothing to do, a few workers stay.
type workerPool struct {
	turn   func(*polled) (more bool)
	usual  int // number of workers when there is much to do and none is stuck
	spare  int // workers that stay when there is nothing to do
	living sync.WaitGroup

	mu       sync.Mutex
	ready    queue
	current  []*worker // workers that are not known to be stuck
	wanted   int       // max of current; more than usual after all were stuck at once
	all      int       // workers
	waiting  int       // of these, those that wait for work
	call     sync.Cond // wakes one of them
	watch    *time.Timer
	watching bool
	beat     uint32 // of the watch
	over     bool
}

type worker struct {
	busy  bool
	stuck bool   // it is not in current
	since uint32 // the beat when its turn began
}

func (w *workerPool) begin(turn func(*polled) (more bool)) {
	w.turn = turn
	w.usual = max(32, 8*runtime.GOMAXPROCS(0))
	w.spare = runtime.GOMAXPROCS(0)
	w.wanted = w.usual
	w.call.L = &w.mu
	w.watch = time.AfterFunc(time.Hour, w.relieve)
	w.watch.Stop()
}

// end waits until the workers have ended. Nothing may be ready or become ready.
func (w *workerPool) end() {
	w.mu.Lock()
	w.over = true
	w.watch.Stop()
	w.call.Broadcast()
	w.mu.Unlock()
	w.living.Wait()
}

// put queues connections for their turns.
func (w *workerPool) put(list ...*polled) {
	if len(list) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range list {
		w.ready.push(c)
		w.summon()
	}
}

// summon wakes or starts one more worker for the queue.
func (w *workerPool) summon() {
	switch {
	case w.waiting > 0:
		w.waiting--
		w.call.Signal()
	case len(w.current) < w.wanted && w.all < maxWorkers:
		w.hire()
	default:
		w.beginWatch()
	}
}

func (w *workerPool) hire() {
	me := &worker{}
	w.current = append(w.current, me)
	w.all++
	w.living.Go(func() { w.work(me) })
}

// work runs a worker until it is not needed any more.
func (w *workerPool) work(me *worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.next(me) {
		c := w.ready.pop()
		if w.ready.len() > 0 && w.waiting == 0 {
			w.beginWatch()
		}
		me.busy, me.since = true, w.beat
		w.mu.Unlock()
		more := w.turn(c)
		w.mu.Lock()
		me.busy = false
		if more { // no summon is needed: this worker looks next
			w.ready.push(c)
		}
		if me.stuck && len(w.current) < w.wanted {
			me.stuck = false
			w.current = append(w.current, me)
		}
	}
	w.all--
	if !me.stuck {
		w.current = slices.DeleteFunc(w.current, func(other *worker) bool { return other == me })
	}
	if w.ready.len() > 0 { // it may leave a connection for which no other worker was woken
		w.summon()
	}
}

// next waits until there is a turn for the worker; false: it is not needed any more.
func (w *workerPool) next(me *worker) bool {
	for !w.over && !me.stuck && len(w.current) <= w.wanted {
		if w.ready.len() > 0 {
			return true
		}
		if w.waiting >= w.spare {
			return false
		}
		w.waiting++
		w.call.Wait()
	}
	return false
}

func (w *workerPool) beginWatch() {
	if !w.watching {
		w.watching = true
		w.watch.Reset(moment)
	}
}

// relieve replaces workers that are stuck by others if something is ready. If all were stuck at
// once, it doubles their number.
func (w *workerPool) relieve() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beat++
	if w.ready.len() == 0 || w.over {
		w.watching = false
		w.wanted = w.usual
		return
	}
	w.current = slices.DeleteFunc(w.current, func(me *worker) bool {
		me.stuck = me.busy && w.beat-me.since > 1
		return me.stuck
	})
	if len(w.current) == 0 && w.wanted < maxWorkers {
		w.wanted *= 2
	}
	for n := w.ready.len(); n > 0 && len(w.current) < w.wanted && w.all < maxWorkers; n-- {
		w.hire()
	}
	w.watch.Reset(moment)
}

// queue is a FIFO queue.
type queue struct {
	list []*polled
	head int
}

const keptQueue = 1 << 10 // capacity that an empty queue keeps, in connections

func (q *queue) len() int { return len(q.list) - q.head }

func (q *queue) push(c *polled) {
	if q.head > len(q.list)/2 && len(q.list) == cap(q.list) {
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, c)
}

func (q *queue) pop() *polled {
	c := q.list[q.head]
	q.list[q.head] = nil
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
		if cap(q.list) > keptQueue {
			q.list = nil
		}
	}
	return c
}
