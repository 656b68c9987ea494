package history

import (
	"slices"
	"time"
)

// Check judges a history. Its memory is proportional to the history.
func Check(records []Record) Verdict {
	c := checker{
		asks: map[string]*Record{}, late: map[string]bool{}, sends: map[sendKey]*send{}, rooms: map[string]*room{}, readers: map[string]*reader{},
		hooks: map[string]*hook{},
	}
	for i := range records {
		c.take(&records[i])
	}
	c.judge()
	return c.Verdict
}

type checker struct {
	Verdict
	asks    map[string]*Record // by ID
	late    map[string]bool    // IDs of sends whose key was already acknowledged when they were asked for
	sends   map[sendKey]*send
	rooms   map[string]*room
	readers map[string]*reader
	hooks   map[string]*hook
	acks    []*Record
	struck  []time.Duration // when faults began
	ended   bool
}

type sendKey struct{ room, user, key string }

// send is all attempts with one key.
type send struct {
	bodies  []string // that were asked for
	floor   int64    // highest acknowledged seq in the room when the key was first asked for
	seq     int64    // of the acknowledgement; 0: none
	pending int      // attempts that were not finally refused
	stored  int
}

// room is a room's log, and the known state of its messages.
type room struct {
	name   string
	stored []*Record
	head   int64 // at the end
	final  bool
	acked  int64                   // highest acknowledged seq
	texts  map[int64][]string      // message → texts that edits asked for
	gone   map[int64]time.Duration // message → when its deletion was acknowledged
	seen   []*Record
}

func (c *checker) room(name string) *room {
	r := c.rooms[name]
	if r == nil {
		r = &room{name: name, texts: map[int64][]string{}, gone: map[int64]time.Duration{}}
		c.rooms[name] = r
	}
	return r
}

// at returns the stored entry of a seq, or nil.
func (r *room) at(seq int64) *Record {
	if seq < 1 || seq > int64(len(r.stored)) {
		return nil
	}
	return r.stored[seq-1]
}

func (c *checker) take(r *Record) {
	switch r.Kind {
	case Fault:
		c.Faults++
		c.struck = append(c.struck, r.At)
	case Asked:
		c.asked(r)
	case Acked:
		c.acked(r)
	case Refused:
		c.refused(r)
	case Unknown:
		c.Unknown++
	case Joined, Saw, Closed:
		c.reader(r.Client).take(c, r)
	case Stored:
		rm := c.room(r.Room)
		rm.stored = append(rm.stored, r)
		c.Stored++
	case Final:
		rm := c.room(r.Room)
		rm.head, rm.final = r.Head, true
	case Hooked, Told, Answered, Behind:
		c.hook(r.Client).take(c, r)
	case Ended:
		c.ended = true
	}
}

func (c *checker) asked(r *Record) {
	c.Asked++
	c.asks[r.ID] = r
	rm := c.room(r.Room)
	switch r.Op {
	case "edit":
		rm.texts[r.Target] = append(rm.texts[r.Target], r.Body)
	case "send":
		k := sendKey{r.Room, r.User, r.Key}
		s := c.sends[k]
		if s == nil {
			s = &send{floor: rm.acked}
			c.sends[k] = s
		}
		if !slices.Contains(s.bodies, r.Body) {
			s.bodies = append(s.bodies, r.Body)
		}
		s.pending++
		c.late[r.ID] = s.seq != 0
	}
}

func (c *checker) acked(r *Record) {
	c.Acked++
	ask := c.asks[r.ID]
	if ask == nil {
		c.breaks(Invented, r.Room, "an answer came to %s, which nobody asked", r.ID)
		return
	}
	c.acks = append(c.acks, r)
	rm := c.room(ask.Room)
	switch _, again := rm.gone[ask.Target]; {
	case ask.Op == "send":
		c.sent(r, ask)
	case ask.Op == "delete" && !again:
		rm.gone[ask.Target] = r.At
	}
	rm.acked = max(rm.acked, r.Seq)
}

// sent records that a send was acknowledged.
func (c *checker) sent(r, ask *Record) {
	s := c.sends[sendKey{ask.Room, ask.User, ask.Key}]
	if s.seq != 0 && s.seq != r.Seq {
		c.breaks(StoredOnce, ask.Room, "key %s of %s was acknowledged at %d and at %d", ask.Key, ask.User, s.seq, r.Seq)
	}
	s.seq = r.Seq
	if r.Duplicate {
		return
	}
	// Of two concurrent attempts, if one lost the store's answer, both may believe that they were
	// first.
	if c.late[r.ID] {
		c.breaks(StoredOnce, ask.Room, "key %s of %s was acknowledged as new after it had been acknowledged", ask.Key, ask.User)
	}
	if r.Seq <= s.floor {
		c.breaks(RealTime, ask.Room, "key %s of %s was asked for when %d was acknowledged, and stands at %d", ask.Key, ask.User, s.floor, r.Seq)
	}
}

// final are the codes that mean that nothing was or will be stored.
var final = []string{"forbidden", "invalid", "conflict", "not_found", "rate_limited", "bad_request", "unauthenticated"}

func (c *checker) refused(r *Record) {
	c.Refused++
	// After "unavailable" the outcome is unknown: the send may be stored.
	if ask := c.asks[r.ID]; ask != nil && ask.Op == "send" && slices.Contains(final, r.Code) {
		c.sends[sendKey{ask.Room, ask.User, ask.Key}].pending--
	}
}

// judge compares all records with the logs.
func (c *checker) judge() {
	c.Rooms = len(c.rooms)
	c.Readers = len(c.readers)
	for _, rm := range c.rooms {
		c.log(rm)
	}
	for _, r := range c.acks {
		c.ack(r)
	}
	for _, r := range c.readers {
		r.judge(c)
	}
	for _, h := range c.hooks {
		h.judge(c)
	}
	switch {
	case !c.ended:
		c.breaks(Vacuous, "", "the history has no end")
	case c.Acked == 0:
		c.breaks(Vacuous, "", "nothing was acknowledged")
	case c.Seen == 0:
		c.breaks(Vacuous, "", "nobody saw anything")
	case c.Hooks > 0 && c.Told == 0:
		c.breaks(Vacuous, "", "no webhook was told anything")
	}
}

// log judges a room's log by itself.
func (c *checker) log(rm *room) {
	if !rm.final {
		c.breaks(Vacuous, rm.name, "its log was not read")
		return
	}
	for i, e := range rm.stored {
		if e.Seq != int64(i+1) {
			c.breaks(NoHoles, rm.name, "%d stands in the place of %d", e.Seq, i+1)
			break
		}
	}
	if n := int64(len(rm.stored)); n != rm.head {
		c.breaks(NoHoles, rm.name, "%d entries are there, and the head is %d", n, rm.head)
	}
	for _, e := range rm.stored {
		if e.Entry == "message" {
			c.message(rm, e)
		}
	}
	for _, e := range rm.seen {
		c.compare(rm, e)
	}
	c.replay(rm)
}

// compare compares an entry that somebody saw with the stored one.
func (c *checker) compare(rm *room, seen *Record) {
	e := rm.at(seen.Seq)
	if e == nil {
		c.breaks(AsStored, rm.name, "%s saw %d, where nothing is", seen.Client, seen.Seq)
		return
	}
	if seen.Entry != e.Entry || seen.User != e.User || seen.Key != e.Key || seen.Target != e.Target || seen.Emoji != e.Emoji || seen.Removed != e.Removed {
		c.breaks(AsStored, rm.name, "%s saw %s of %s, key %q, at %d, where there is %s of %s, key %q",
			seen.Client, seen.Entry, seen.User, seen.Key, seen.Seq, e.Entry, e.User, e.Key)
		return
	}
	if s := c.sends[sendKey{rm.name, e.User, e.Key}]; e.Entry == "message" && s != nil {
		if why := c.wrongText(rm, seen, s); why != "" {
			c.breaks(AsStored, rm.name, "%s saw %d, which %s", seen.Client, seen.Seq, why)
		}
	}
}

// replay checks that the log, applied from its start, results in the present form of its messages.
func (c *checker) replay(rm *room) {
	fresh := &view{said: map[int64]*said{}}
	for _, e := range rm.stored {
		apply(fresh.said, e)
	}
	(&reader{name: "who reads the log at the end"}).agrees(c, rm, fresh)
}

// message compares a stored message with the requests.
func (c *checker) message(rm *room, e *Record) {
	s := c.sends[sendKey{rm.name, e.User, e.Key}]
	if s == nil {
		c.breaks(Invented, rm.name, "%d has key %q of %s, which nobody sent", e.Seq, e.Key, e.User)
		return
	}
	if s.stored++; s.stored > 1 {
		c.breaks(StoredOnce, rm.name, "key %s of %s is stored %d times, the last at %d", e.Key, e.User, s.stored, e.Seq)
	}
	if s.pending <= 0 && s.seq == 0 {
		c.breaks(Invented, rm.name, "%d has key %s of %s, which was refused", e.Seq, e.Key, e.User)
	}
	if why := c.wrongText(rm, e, s); why != "" {
		c.breaks(Invented, rm.name, "%d %s", e.Seq, why)
	}
}

// wrongText returns what is wrong with the text of a stored or seen message, or an empty string.
func (c *checker) wrongText(rm *room, e *Record, s *send) string {
	switch {
	case e.Deleted && e.Body != "":
		return "is deleted, and has a text"
	case e.Deleted, slices.Contains(s.bodies, e.Body):
		return ""
	case slices.Contains(rm.texts[e.Seq], e.Body):
		return ""
	}
	return "has the text " + e.Body + ", which nobody wrote there"
}

// ack compares an acknowledgement with the stored entry.
func (c *checker) ack(r *Record) {
	ask := c.asks[r.ID]
	rm := c.room(ask.Room)
	if !rm.final {
		return // that was reported already
	}
	e := rm.at(r.Seq)
	wanted := map[string]string{"send": "message", "edit": "edited", "delete": "deleted", "react": "reacted"}[ask.Op]
	switch {
	case e == nil:
		c.breaks(AckedStore, ask.Room, "%s %s was acknowledged at %d, where nothing is", ask.Op, ask.ID, r.Seq)
	case e.Entry != wanted || e.User != ask.User || e.Target != ask.Target || e.Key != ask.Key || e.Emoji != ask.Emoji || e.Removed != ask.Removed:
		c.breaks(AckedStore, ask.Room, "%s %s of %s was acknowledged at %d, where there is %s of %s, key %q", ask.Op, ask.ID, ask.User, r.Seq, e.Entry, e.User, e.Key)
	}
}
