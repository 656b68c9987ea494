package consuming

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	surveyEvery = 15 * time.Second
	surveyShare = 8    // pending rooms that a survey looks at in each share
	maxStuck    = 1000 // pairs of a consumer that it looks at among those that wait or have stalled
	maxDated    = 50   // entries of a consumer that it looks up to learn their age
	maxShown    = 100  // pairs that it shows of those that wait or have stalled
	forgetPage  = 1000
)

// Behind is how far a consumer is behind, on all nodes.
type Behind struct {
	Consumer string        `json:"consumer"`
	Entries  int64         `json:"entries"`           // entries yet to be taken or passed over
	Rooms    int           `json:"rooms"`             // rooms where it is behind
	Waiting  int           `json:"waiting"`           // those of them where it waits to try again
	Stalled  int           `json:"stalled"`           // rooms where nothing is tried any more
	Oldest   time.Duration `json:"-"`                 // how old the oldest of the entries is
	Age      float64       `json:"oldest_s"`          // the same, in seconds
	Resting  string        `json:"resting,omitempty"` // why it is given nothing for now
	// Not everything was looked at: it is behind by more than that.
	Partial bool `json:"partial,omitempty"`
	// Where it waits or has stalled, up to 100, the stalled first.
	Stuck []Stuck `json:"stuck,omitempty"`
}

// Stuck is a room where a consumer waits to try again, or has stalled.
type Stuck struct {
	Room    chat.RoomID `json:"room"`
	First   chat.Seq    `json:"first"` // the first entry of the batch that failed
	Last    chat.Seq    `json:"last"`
	Entries int64       `json:"entries"` // how many entries it has yet to take in this room
	Tries   int         `json:"tries"`
	Since   time.Time   `json:"since"`         // when it first failed
	Next    time.Time   `json:"next,omitzero"` // when it is tried again
	Error   string      `json:"error"`         // the last failure
	Stalled bool        `json:"stalled"`
}

// Seek sets a consumer's cursor in a room. The entries after seq come next, even if they came
// before. The consumer goes on there at once, also if it had stalled. The error is NotFound if
// there is no such room, and Invalid with the detail Ahead if seq is beyond its head.
func (r *Runner) Seek(ctx context.Context, consumer string, room chat.RoomID, seq chat.Seq) error {
	if seq < 0 {
		return chat.Errorf(chat.Invalid, "a cursor must be 0 or more")
	}
	err := r.cfg.Consumers.Seek(ctx, consumer, room, seq)
	r.lookAt(ctx, consumer, room)
	return err
}

// SeekTime sets the cursor before the first entry that was made at the given time or later.
// Otherwise it is like Seek.
func (r *Runner) SeekTime(ctx context.Context, consumer string, room chat.RoomID, at time.Time) error {
	heads, err := r.cfg.Log.Heads(ctx, []chat.RoomID{room})
	if err != nil {
		return err
	}
	seq, err := r.before(ctx, room, at, heads[room])
	if err != nil {
		return err
	}
	return r.Seek(ctx, consumer, room, seq)
}

// Skip moves a consumer's cursor in a room forward to an entry, as if the consumer had done with
// it. The error is a Conflict if it has done with that entry already. For other errors see Seek.
func (r *Runner) Skip(ctx context.Context, consumer string, room chat.RoomID, to chat.Seq) error {
	all, err := r.cfg.Cursors.Load(ctx, []chat.RoomID{room})
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Consumer == consumer && to <= all[i].Seq {
			return chat.Errorf(chat.Conflict, "it has done with all entries up to %d already", all[i].Seq)
		}
	}
	return r.Seek(ctx, consumer, room, to)
}

// Rewalk starts a new walk through all rooms for a consumer. It is needed when the consumer wants
// more rooms than before, or is to begin elsewhere in rooms where it has no cursor.
func (r *Runner) Rewalk(ctx context.Context, consumer string) error {
	return r.cfg.Consumers.Begin(ctx, consumer)
}

// Forget deletes a consumer's cursors in all rooms, in portions. A consumer that has not been
// removed before begins anew, as its From says.
func (r *Runner) Forget(ctx context.Context, consumer string) error {
	for after := chat.RoomID(""); ; {
		next, err := r.cfg.Consumers.Forget(ctx, consumer, after, forgetPage)
		if after = next; err != nil || after == "" {
			return err
		}
	}
}

// before returns the last entry up to head that was made before a time. It is a binary search.
func (r *Runner) before(ctx context.Context, room chat.RoomID, at time.Time, head chat.Seq) (chat.Seq, error) {
	// The entry low is before that time; those after high are not.
	low, high := chat.Seq(0), head
	for low < high {
		middle := low + (high-low+1)/2
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		e, err := r.cfg.Log.Entry(ctx, room, middle)
		cancel()
		if err != nil {
			return 0, err
		}
		if e.At.Before(at) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}

// Behind returns how far a consumer is behind, on whatever nodes it runs. The error is NotFound if
// this node does not know the consumer.
func (r *Runner) Behind(ctx context.Context, consumer string) (Behind, error) {
	f, ok := r.all()[consumer]
	if !ok {
		return Behind{}, chat.Errorf(chat.NotFound, "there is no such consumer")
	}
	all, err := r.survey(ctx, map[string]followed{consumer: f})
	if err != nil {
		return Behind{}, err
	}
	return all[0], nil
}

// AllBehind is like Behind, for all consumers that this node knows, in the order of their names.
func (r *Runner) AllBehind(ctx context.Context) ([]Behind, error) {
	consumers := r.all()
	if len(consumers) == 0 {
		return []Behind{}, nil
	}
	return r.survey(ctx, consumers)
}

// keepSurveying tells the observer how far consumers are behind, until ctx ends. Only one of the
// nodes does so. Consumers that rest are left out.
func (r *Runner) keepSurveying(ctx context.Context) {
	tick := time.NewTicker(surveyEvery)
	defer tick.Stop()
	told := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !r.busy.Load() || !r.first() {
			if told {
				r.cfg.Observer.Lagging(nil)
			}
			told = false
			continue
		}
		all, err := r.AllBehind(ctx)
		if err != nil {
			if ctx.Err() == nil {
				r.cfg.Observer.Fault(ctx, "look how far consumers are behind", err)
			}
			continue
		}
		lags := make([]ports.ConsumerLag, 0, len(all))
		for _, is := range all {
			if is.Resting == "" {
				lags = append(lags, ports.ConsumerLag{
					Consumer: is.Consumer, Entries: is.Entries, Rooms: is.Rooms, Waiting: is.Waiting, Stalled: is.Stalled, Oldest: is.Oldest,
				})
			}
		}
		r.cfg.Observer.Lagging(lags)
		told = true
	}
}

// all returns the consumers.
func (r *Runner) all() map[string]followed {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]followed, len(r.consumers))
	for name, f := range r.consumers {
		all[name] = followed{f.Consumer, f.limits.Rests}
	}
	return all
}

// followed is a consumer as it is at the moment.
type followed struct {
	Consumer
	rests string
}

// survey finds out how far consumers are behind, in the order of their names.
func (r *Runner) survey(ctx context.Context, consumers map[string]followed) ([]Behind, error) {
	ctx, cancel := context.WithTimeout(ctx, surveyEvery)
	defer cancel()
	asked := make([]ports.SharePlace, ports.Shares)
	for i := range asked {
		asked[i].Share = ports.Share(i)
	}
	pending, err := r.cfg.Cursors.Pending(ctx, asked, surveyShare)
	if err != nil {
		return nil, err
	}
	rooms := make([]chat.RoomID, len(pending))
	found := map[ports.Share]int{}
	partial := false
	for i := range pending {
		rooms[i] = pending[i].Room
		share := ports.ShareOf(rooms[i])
		found[share]++
		partial = partial || found[share] == surveyShare
	}
	cursors, err := r.cfg.Cursors.Load(ctx, rooms)
	if err != nil {
		return nil, err
	}
	var all []Behind
	for _, name := range slices.Sorted(maps.Keys(consumers)) {
		s := surveyor{r: r, consumer: consumers[name].Consumer, now: time.Now(), seen: map[chat.RoomID]bool{}}
		s.of.Consumer, s.of.Resting, s.of.Partial = name, consumers[name].rests, partial
		if err := s.look(ctx, pending, cursors); err != nil {
			return nil, err
		}
		s.of.Age = s.of.Oldest.Seconds()
		all = append(all, s.of)
	}
	return all, nil
}

// surveyor finds out how far one consumer is behind.
type surveyor struct {
	r        *Runner
	consumer Consumer
	now      time.Time
	seen     map[chat.RoomID]bool
	dated    int // entries that were looked up to learn their age
	of       Behind
}

func (s *surveyor) look(ctx context.Context, pending []ports.PendingRoom, cursors []ports.Cursor) error {
	stuck, err := s.r.cfg.Consumers.Stuck(ctx, s.of.Consumer, "", maxStuck)
	if err != nil {
		return err
	}
	s.of.Partial = s.of.Partial || len(stuck) == maxStuck
	rooms := make([]chat.RoomID, len(stuck))
	for i := range stuck {
		rooms[i] = stuck[i].Room
	}
	heads, err := s.r.cfg.Log.Heads(ctx, rooms)
	if err != nil {
		return err
	}
	for i := range stuck {
		if err := s.stuck(ctx, &stuck[i], heads[stuck[i].Room]); err != nil {
			return err
		}
	}
	slices.SortStableFunc(s.of.Stuck, func(a, b Stuck) int { return cmp.Compare(rank(a), rank(b)) })
	s.of.Stuck = s.of.Stuck[:min(len(s.of.Stuck), maxShown)]
	at := map[chat.RoomID]chat.Seq{}
	for _, c := range cursors {
		if c.Consumer == s.of.Consumer {
			at[c.Room] = c.Seq
		}
	}
	for _, is := range pending {
		if s.seen[is.Room] || !s.consumer.Wants(is.Room) {
			continue
		}
		seq, known := at[is.Room]
		if err := s.healthy(ctx, is, seq, known); err != nil {
			return err
		}
	}
	return nil
}

func rank(s Stuck) int {
	if s.Stalled {
		return 0
	}
	return 1
}

// stuck counts a pair that has its own row: it waits, has stalled, was left, or is being caught up.
func (s *surveyor) stuck(ctx context.Context, c *ports.Cursor, head chat.Seq) error {
	s.seen[c.Room] = true
	entries := int64(max(head-c.Seq, 0))
	if entries > 0 {
		s.of.Entries += entries
		s.of.Rooms++
	}
	if c.Tries == 0 {
		return s.left(ctx, c, entries)
	}
	if c.Stalled {
		s.of.Stalled++
	} else {
		s.of.Waiting++
	}
	s.of.Oldest = max(s.of.Oldest, s.now.Sub(c.Since))
	s.of.Stuck = append(s.of.Stuck, Stuck{
		Room: c.Room, First: c.Seq + 1, Last: c.UpTo, Entries: entries, Tries: c.Tries, Since: c.Since, Next: c.Next,
		Error: c.Error, Stalled: c.Stalled,
	})
	return nil
}

// left looks up the age of the first entry that a pair has yet to take.
func (s *surveyor) left(ctx context.Context, c *ports.Cursor, entries int64) error {
	if entries == 0 {
		return nil
	}
	if s.dated++; s.dated > maxDated {
		return nil
	}
	e, err := s.r.cfg.Log.Entry(ctx, c.Room, c.Seq+1)
	if err == nil {
		s.of.Oldest = max(s.of.Oldest, s.now.Sub(e.At))
	}
	return err
}

// healthy counts a pair of a pending room. A pair without a cursor counts from where its consumer
// begins.
func (s *surveyor) healthy(ctx context.Context, is ports.PendingRoom, seq chat.Seq, known bool) error {
	if from := s.consumer.From().Time(); !known && !from.IsZero() {
		if is.LastAt.Before(from) {
			return nil
		}
		if s.dated++; s.dated > maxDated {
			s.of.Partial, seq = true, is.Head-1
		} else {
			var err error
			if seq, err = s.r.before(ctx, is.Room, from, is.Head); err != nil {
				return err
			}
		}
	}
	if seq >= is.Head {
		return nil
	}
	s.of.Entries += int64(is.Head - seq)
	s.of.Rooms++
	age := is.Quiet
	if s.dated++; is.Head-seq > 1 && s.dated <= maxDated {
		e, err := s.r.cfg.Log.Entry(ctx, is.Room, seq+1)
		if err != nil {
			return err
		}
		age = is.Quiet + is.LastAt.Sub(e.At)
	}
	s.of.Oldest = max(s.of.Oldest, age)
	return nil
}

// Seen is what a runner does at the moment, on its node.
type Seen struct {
	Shares    int            `json:"shares"`
	Nodes     int            `json:"nodes"` // nodes that run consumers
	Rooms     int            `json:"rooms"` // rooms that are kept in memory
	Consumers []ConsumerSeen `json:"consumers"`
}

// ConsumerSeen is what a consumer does at the moment, on this node.
type ConsumerSeen struct {
	Consumer string    `json:"consumer"`
	Queued   int       `json:"queued"` // rooms that wait for their turn
	Taking   int       `json:"taking"` // batches under way
	Paused   time.Time `json:"paused_until,omitzero"`
	Away     bool      `json:"away,omitempty"`    // it failed everywhere, and is rarely tried now
	Resting  string    `json:"resting,omitempty"` // why it wants to be given nothing for now
}

// Idles reports whether a consumer is given nothing now, as far as this node knows: it is paused or
// away, or the node does not have it.
func (r *Runner) Idles(consumer string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.consumers[consumer]
	return f == nil || f.rests() || f.away || time.Now().Before(f.paused)
}

// Inspect returns what the runner does, for operators.
func (r *Runner) Inspect() Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := Seen{Shares: len(r.held), Nodes: r.nodes, Rooms: len(r.rooms), Consumers: []ConsumerSeen{}}
	for _, name := range slices.Sorted(maps.Keys(r.consumers)) {
		f := r.consumers[name]
		is := ConsumerSeen{Consumer: name, Queued: len(f.queue), Taking: f.inFlight, Away: f.away, Resting: f.limits.Rests}
		if time.Now().Before(f.paused) {
			is.Paused = f.paused
		}
		seen.Consumers = append(seen.Consumers, is)
	}
	return seen
}
