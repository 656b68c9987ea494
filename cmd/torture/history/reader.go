package history

import "maps"

// reader is a client that reads, over all of its connections.
type reader struct {
	name  string
	views map[string]*view // by room
}

// view is a reader's state of a room.
type view struct {
	joined bool
	began  bool
	next   int64           // the next expected seq
	from   int64           // the first expected seq
	said   map[int64]*said // messages
}

// said is a message after applying entries.
type said struct {
	body    string
	deleted bool
	counts  map[string]int
}

func (c *checker) reader(name string) *reader {
	r := c.readers[name]
	if r == nil {
		r = &reader{name: name, views: map[string]*view{}}
		c.readers[name] = r
	}
	return r
}

func (r *reader) view(room string) *view {
	v := r.views[room]
	if v == nil {
		v = &view{said: map[int64]*said{}}
		r.views[room] = v
	}
	return v
}

func (r *reader) take(c *checker, rec *Record) {
	switch rec.Kind {
	case Joined:
		c.Joins++
		r.join(c, rec)
	case Saw:
		c.Seen++
		r.saw(c, rec)
	case Closed:
		c.Disconnects++
		for _, v := range r.views {
			v.joined = false
		}
	}
}

func (r *reader) join(c *checker, rec *Record) {
	v := r.view(rec.Room)
	if v.began && rec.After != v.next-1 {
		c.breaks(NoGap, rec.Room, "%s came with the cursor %d, having seen up to %d", r.name, rec.After, v.next-1)
	}
	switch {
	case rec.Truncated: // the reader begins anew, because missed entries may have changed its messages
		c.Truncated++
		v.said, v.from = map[int64]*said{}, rec.Seq
	case rec.Seq != rec.After+1:
		c.breaks(Resumes, rec.Room, "%s joined behind %d and was told that %d follows", r.name, rec.After, rec.Seq)
	}
	if !v.began {
		v.from = rec.Seq
	}
	v.joined, v.began, v.next = true, true, rec.Seq
}

func (r *reader) saw(c *checker, rec *Record) {
	v := r.view(rec.Room)
	switch {
	case !v.joined:
		c.breaks(NoGap, rec.Room, "%s saw %d without having joined", r.name, rec.Seq)
	case rec.Seq < v.next:
		c.breaks(Once, rec.Room, "%s saw %d again, or late: %d was due", r.name, rec.Seq, v.next)
		return
	case rec.Seq > v.next:
		c.breaks(NoGap, rec.Room, "%s saw %d where %d was due", r.name, rec.Seq, v.next)
	}
	v.next = rec.Seq + 1
	apply(v.said, rec)
	rm := c.room(rec.Room)
	rm.seen = append(rm.seen, rec)
}

// apply applies an entry to the messages.
func apply(all map[int64]*said, e *Record) {
	m := all[e.Target]
	switch e.Entry {
	case "message":
		counts := maps.Clone(e.Reactions)
		if counts == nil {
			counts = map[string]int{}
		}
		all[e.Seq] = &said{e.Body, e.Deleted, counts}
	case "edited":
		if m != nil && !m.deleted && e.Body != "" { // the text is empty if the message was deleted later
			m.body = e.Body
		}
	case "deleted":
		if m != nil {
			m.body, m.deleted = "", true
		}
	case "reacted":
		switch {
		case m == nil:
		case e.Count == 0:
			delete(m.counts, e.Emoji)
		default:
			m.counts[e.Emoji] = e.Count
		}
	}
}

// judge compares the reader's final state with the logs.
func (r *reader) judge(c *checker) {
	for name, v := range r.views {
		rm := c.room(name)
		if !rm.final {
			continue
		}
		if v.joined && v.next != rm.head+1 {
			c.breaks(TheEnd, name, "%s has seen up to %d of %d", r.name, v.next-1, rm.head)
		}
		if v.next == rm.head+1 {
			r.agrees(c, rm, v)
		}
	}
}

// agrees checks that a reader who has seen all entries has the same messages as the log.
func (r *reader) agrees(c *checker, rm *room, v *view) {
	for _, e := range rm.stored {
		if e.Entry != "message" || e.Seq < v.from {
			continue
		}
		m := v.said[e.Seq]
		switch {
		case m == nil: // it was not seen, which was reported already
		case m.deleted != e.Deleted || m.body != e.Body:
			c.breaks(Converges, rm.name, "%s has %d as %q (deleted: %v), the log as %q (%v)", r.name, e.Seq, m.body, m.deleted, e.Body, e.Deleted)
		case !maps.Equal(m.counts, e.Reactions) && len(m.counts)+len(e.Reactions) > 0:
			c.breaks(Converges, rm.name, "%s has the reactions %v to %d, the log %v", r.name, m.counts, e.Seq, e.Reactions)
		}
	}
}
