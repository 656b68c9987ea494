package delivery

import (
	"slices"
	"sync"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// Reader has the frames that a connection's client has yet to get, and the cursors from which it is
// served.
//
// Its owner may use its lock too, for whatever belongs to the same connection. Unless they say
// otherwise, methods are called with the lock held.
type Reader struct {
	sync.Mutex

	node    *Node
	id      string
	conn    ports.Conn
	shard   *shard
	running sync.WaitGroup // a goroutine that waits for the socket, and those of Go

	queued bool // is in the shard's dirty list; guarded by shard.mu
	early  bool // is in the shard's early list; guarded by shard.mu

	packing  ports.Packing
	unpacked feed.Unpacked // what the client has unpacked last

	follows follows
	sending map[sendKey]int // changes that are not answered yet
	owes    int             // answers that the owner has yet to give

	outbox  []byte          // answers and entries of the log, encoded, unwritten
	lent    *[]byte         // from outboxes, to go back there with the outbox
	owed    int             // bytes of answers in outbox
	handed  int             // bytes of answers that a goroutine waits to write
	signals []pendingSignal // the latest of each slot
	due     []*Follow       // follows that are behind their feeds, to be served by the next write

	paused  bool // the connection is to read nothing until Conn.Resume
	writing bool // a goroutine waits for the socket
	closing bool // the close frame is in the outbox: nothing follows it
	reason  ports.CloseReason
	dead    bool // nothing is written any more
}

// sendKey names changes that are not answered yet. A send is named by its room and key, all other
// changes of a room by the room alone.
type sendKey struct {
	room chat.RoomID
	key  chat.Key
}

// NewReader returns the reader of a connection. id is the origin of its own signals, which it does
// not get. head goes before all frames; it is copied, and written with whatever is Put first.
func (n *Node) NewReader(conn ports.Conn, id string, packing ports.Packing, head []byte) *Reader {
	shard := n.shards[int(n.next.Add(1))%len(n.shards)]
	if n.cfg.Packer == nil {
		packing = ports.Unpacked
	}
	r := &Reader{node: n, id: id, conn: conn, shard: shard, packing: packing}
	if len(head) > 0 {
		r.putRaw(head)
	}
	return r
}

// ID returns the reader's id. It needs no lock.
func (r *Reader) ID() string { return r.id }

func (r *Reader) queue() { r.shard.queueReader(r) }

// Put queues a frame for the client, unless the reader is being closed.
func (r *Reader) Put(f ports.Frame) {
	if !r.closing {
		r.put(f)
		r.queue()
	}
}

// PutBefore is Put for the answer to a change that made an entry, which follows at once, by
// Node.Entries. Both are written together, as a rule; the answer waits until then.
func (r *Reader) PutBefore(fl *Follow, answer ports.Frame) {
	if r.closing {
		return
	}
	r.put(answer)
	r.want(fl)
	r.shard.queueEarly(r)
}

// PutRaw is Put for an encoded frame.
func (r *Reader) PutRaw(frame []byte) {
	if r.closing {
		return
	}
	if len(frame) > 0 {
		r.putRaw(frame)
	}
	r.queue()
}

// Signal queues a signal that belongs to no room, with its encoded frame. The client gets it after
// what is queued already. A later signal of the same slot replaces it if it is still queued.
func (r *Reader) Signal(signal chat.Signal, frame []byte) {
	r.signal(pendingSignal{Signal: signal, frame: frame})
	if !r.closing {
		r.queue()
	}
}

// Close queues the close frame, and nothing follows it. If failure is not nil, the client is told
// it first.
func (r *Reader) Close(reason ports.CloseReason, failure error) {
	if r.closing {
		return
	}
	if failure != nil {
		r.put(ports.Failure{Err: failure})
	}
	r.put(ports.CloseFrame{Reason: reason})
	r.closing, r.reason = true, reason
	r.queue()
}

// CloseWith is Close with an encoded close frame.
func (r *Reader) CloseWith(frame []byte, reason ports.CloseReason) {
	if !r.closing {
		r.PutRaw(frame)
		r.closing, r.reason = true, reason
		r.queue()
	}
}

// Kill ends the connection. Nothing is written any more.
func (r *Reader) Kill(reason ports.CloseReason) {
	if r.dead {
		return
	}
	r.dead = true
	if !r.closing {
		r.closing, r.reason = true, reason
	}
	r.conn.Close(reason)
}

// Closing reports whether the reader is being closed, or gone. It takes no more frames then.
func (r *Reader) Closing() bool { return r.closing }

// Drop notes that the connection is gone, and returns why it ended. The caller ends the follows.
func (r *Reader) Drop() ports.CloseReason {
	if !r.closing {
		r.closing, r.reason = true, ports.CloseGone
	}
	r.dead = true
	return r.reason
}

// Forget releases the connection and the memory of a reader that was dropped. Only Wait may be
// called after it.
func (r *Reader) Forget() {
	r.due, r.signals, r.outbox, r.lent = nil, nil, nil, nil
	r.conn.Close(ports.CloseGone)
}

// Wait waits for the goroutines of a reader that was dropped. It needs no lock.
func (r *Reader) Wait() { r.running.Wait() }

// Go runs f in a goroutine that Wait waits for.
func (r *Reader) Go(f func()) { r.running.Go(f) }

// Full reports whether the client should take its answers before it gives more commands. It is
// asked before an answer is made, so that a reader holds at most one large answer.
func (r *Reader) Full() bool {
	return r.Clogged() || r.unwritten() >= maxOutbox || r.owes >= maxOwed
}

// Clogged reports whether the client does not take its frames.
func (r *Reader) Clogged() bool { return len(r.outbox) >= maxOutbox }

// unwritten returns how many bytes of answers, without entries, the client has not taken yet.
func (r *Reader) unwritten() int { return r.owed + r.handed }

// Pause reports whether the connection must not read until Conn.Resume, because the reader is full.
func (r *Reader) Pause() bool {
	r.paused = r.Full()
	return r.paused
}

// Paused reports whether the connection waits for Conn.Resume.
func (r *Reader) Paused() bool { return r.paused }

// unpause lets the connection read again if the reason not to is gone.
func (r *Reader) unpause() {
	if r.paused && !r.Full() {
		r.paused = false
		r.conn.Resume()
	}
}

// Owe counts n more answers that the owner has yet to give. A negative n counts given ones.
func (r *Reader) Owe(n int) {
	r.owes += n
	r.unpause()
}

// Owes returns how many answers the owner has yet to give.
func (r *Reader) Owes() int { return r.owes }

// Expect notes that a change of a room is not answered yet: a send by its key, any other without.
// Until it is Settled its entry is not served from the log, as the answer goes first.
func (r *Reader) Expect(room chat.RoomID, key chat.Key) {
	if r.sending == nil {
		r.sending = map[sendKey]int{}
	}
	r.sending[sendKey{room, key}]++
}

// Settled notes that the answer to such a change was put. seq is the entry in the answer to a send,
// or 0. It reports whether that was the last change of the room and key.
func (r *Reader) Settled(room chat.RoomID, key chat.Key, seq chat.Seq) (last bool) {
	is := sendKey{room, key}
	if r.sending[is]--; r.sending[is] == 0 {
		delete(r.sending, is)
		last = true
	}
	if fl := r.follows.in(room); fl != nil {
		if key != "" {
			fl.sent = max(fl.sent, seq)
		}
		if fl.held {
			fl.held = false
			fl.goOn()
		}
	}
	return last
}

// Expects reports whether changes of a room are not answered yet: any, or with sends only sends.
func (r *Reader) Expects(room chat.RoomID, sends bool) bool {
	for is := range r.sending {
		if is.room == room && (!sends || is.key != "") {
			return true
		}
	}
	return false
}

// In returns the reader's follow of a room, or nil.
func (r *Reader) In(room chat.RoomID) *Follow { return r.follows.in(room) }

// Follows returns all follows of the reader.
func (r *Reader) Follows() []*Follow { return slices.Clone(r.follows) }

// Rooms returns how many rooms the reader follows.
func (r *Reader) Rooms() int { return len(r.follows) }

// Begin starts a follow that was given to Audience.Add, right after an answer. The reader must not
// follow that room already.
func (r *Reader) Begin(fl *Follow, answer ports.Frame) {
	r.follows.put(fl)
	r.put(answer)
	fl.goOn()
}

// End ends a follow. It reports whether it had not ended before. The audience is not released.
func (r *Reader) End(fl *Follow) (ended bool) {
	if fl.gone {
		return false
	}
	fl.gone = true
	r.follows.remove(fl)
	r.node.reads.Leave(fl.reading)
	fl.remove(fl)
	return true
}

// Retry tries again to serve what could not be read from the log.
func (r *Reader) Retry() {
	if len(r.due) > 0 {
		r.queue()
	}
}

// Behind returns how many entries the reader has yet to get, over the rooms where it lacks one that
// was there at the last Node.Counted.
func (r *Reader) Behind() (entries int64) {
	for _, fl := range r.follows {
		if !fl.bounded && int64(fl.cursor) < fl.counted.Load() {
			entries += int64(fl.View().Head - fl.cursor)
		}
	}
	return entries
}

// Look returns the reader's part of a ports.SessionSeen, without the cursors.
func (r *Reader) Look() ports.SessionSeen {
	seen := ports.SessionSeen{
		Rooms: len(r.follows), Unwritten: len(r.outbox) + r.handed, Sending: r.owes,
		Blocked: r.writing, Paused: r.paused,
	}
	if r.closing {
		seen.Closing = r.reason.String()
	}
	return seen
}
