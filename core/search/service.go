package search

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

// Config is what a Service works with. Index, Words, Log, Directory, Lists and Cursors are needed.
type Config struct {
	Index     ports.SearchIndex
	Words     ports.Words
	Log       ports.Log
	Directory ports.Directory
	Lists     ports.RoomLists
	Cursors   ports.Cursors
	Observer  ports.SearchObserver // nil: nobody is told

	// Behind returns how far the index is behind in all rooms, as consuming.Runner does. Nil: pages
	// do not say up to which time they are complete.
	Behind func(ctx context.Context, consumer string) (consuming.Behind, error)

	Charge func(by chat.Identity) error // charges for a search; nil: searches are not limited
	// The store's log, to which cursors belong; nil: they belong to any log.
	Which func() chat.LogID
	// Entries a second that are appended on this node. The indexer leaves time for them. Nil: none.
	Rate func() int
	// How many nodes append to the store, with this one. Their indexers together leave as much time
	// as that of a node alone. Nil: 1.
	Nodes   func() int
	Measure func(*chat.Entry) int // how many bytes an entry takes in a page; nil: its Size

	AnswerBytes int // max bytes of a page; 0: 256 KiB
}

// Service finds messages, and indexes them.
type Service struct {
	cfg    Config
	gather *gather

	mu       sync.Mutex // guards progress
	progress progress
}

var _ ports.Searcher = (*Service)(nil)

// New returns a service. Nothing is indexed before Run.
func New(cfg Config) *Service {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	if cfg.Charge == nil {
		cfg.Charge = func(chat.Identity) error { return nil }
	}
	if cfg.Which == nil {
		cfg.Which = func() chat.LogID { return "" }
	}
	if cfg.Measure == nil {
		cfg.Measure = (*chat.Entry).Size
	}
	if cfg.AnswerBytes <= 0 {
		cfg.AnswerBytes = 256 << 10
	}
	return &Service{cfg: cfg, gather: newGather(cfg.Index, cfg.Rate, cfg.Nodes)}
}

// Run writes the index until ctx ends. It is called once.
func (s *Service) Run(ctx context.Context) error {
	s.gather.run(ctx)
	return nil
}

const (
	// candidates is how many of the messages that the index names are read for one page. If too
	// many of them do not match any more, the page is short.
	candidates = 2 * ports.MaxFound
	// listed is how many of a user's rooms are looked at to find those that were active last.
	listed = 4 * ports.MaxListed
	// readers is how many rooms are read at once.
	readers = 4
	// answerHead is more bytes than an answer has around its hits. hitHead is more than it has
	// around each hit.
	answerHead, hitHead = 1 << 10, 64
	// markBytes is how many bytes a mark takes in an answer.
	markBytes = 12
)

// Search implements ports.Searcher.
func (s *Service) Search(ctx context.Context, by chat.Identity, ask ports.Search) (ports.SearchPage, error) {
	if err := s.cfg.Charge(by); err != nil {
		return ports.SearchPage{}, err
	}
	began := time.Now()
	page, err := s.search(ctx, by, ask)
	s.cfg.Observer.Searched(len(page.Hits), time.Since(began), err)
	return page, err
}

func (s *Service) search(ctx context.Context, by chat.Identity, ask ports.Search) (ports.SearchPage, error) {
	log := s.cfg.Which()
	q, err := s.understand(&ask)
	if err != nil {
		return ports.SearchPage{}, err
	}
	before, err := parseCursor(&ask, by.User, log)
	if err != nil {
		return ports.SearchPage{}, err
	}
	in, err := s.scope(ctx, by, &ask)
	if err != nil {
		return ports.SearchPage{}, err
	}
	page := ports.SearchPage{Truncated: in.truncated}
	if err := s.tell(ctx, &ask, &in, &page); err != nil {
		return ports.SearchPage{}, err
	}
	find := ports.FindQuery{Rooms: in.rooms, Public: in.public, But: in.but, From: ask.From, To: ask.To, Before: before}
	find.All, find.None = q.asks(&ask)
	w := &walk{s: s, by: by, ask: &ask, query: &q, find: find, seen: in.seen, bytes: s.cfg.AnswerBytes - answerHead}
	if err := w.fill(ctx, in); err != nil {
		return ports.SearchPage{}, err
	}
	page.Hits = w.hits
	if w.more && w.last != nil {
		page.Next = cursorOf(w.last, &ask, by.User, log)
	}
	return page, nil
}

// understand checks a query, and reads its text.
func (s *Service) understand(ask *ports.Search) (query, error) {
	q, err := parse(ask.Text, s.cfg.Words)
	if err != nil {
		return q, err
	}
	if ask.Author == "" && ask.Has == "" || len(q.terms) == 0 && hasText(ask.Text) {
		if err := q.check(ask.Text); err != nil {
			return q, err
		}
	}
	switch {
	case ask.Limit < 1 || ask.Limit > ports.MaxHits:
		return q, chat.Errorf(chat.Invalid, "limit must be 1 to %d", ports.MaxHits)
	case ask.Has != "" && ask.Has != ports.HasLink:
		return q, chat.Errorf(chat.Invalid, "has must be %s", ports.HasLink)
	case !ask.From.IsZero() && !ask.To.IsZero() && !ask.From.Before(ask.To):
		return q, chat.Errorf(chat.Invalid, "from must be before to")
	case ask.Public && ask.Room != "":
		return q, chat.Errorf(chat.Invalid, "public does not go with room")
	case ask.AtLeast != 0 && ask.Room == "":
		return q, chat.Errorf(chat.Invalid, "at_least needs a room")
	}
	return q, nil
}

// walk goes through the messages that the index names, the newest first, until a page is full.
type walk struct {
	s     *Service
	by    chat.Identity
	ask   *ports.Search
	query *query
	find  ports.FindQuery
	seen  map[chat.RoomID]chat.Standing // the user's, when it was looked at last
	bytes int                           // that are left for the page

	hits []ports.SearchHit
	last *ports.FoundMessage // the last message that was looked at
	more bool                // there may be others after it
}

func (w *walk) fill(ctx context.Context, in scope) error {
	if len(in.rooms) == 0 && !in.public {
		return nil
	}
	for looked := 0; looked < candidates; {
		w.find.Limit = min(ports.MaxFound, candidates-looked, 2*(w.ask.Limit-len(w.hits)))
		found, err := w.s.cfg.Index.Find(ctx, w.find)
		if err != nil || len(found) == 0 {
			w.more = false
			return err
		}
		looked += len(found)
		w.more = len(found) == w.find.Limit
		full, err := w.take(ctx, found)
		if err != nil || full || !w.more {
			return err
		}
		w.find.Before = w.last
	}
	return nil
}

// take adds the messages that match to the page, and reports whether the page is full.
func (w *walk) take(ctx context.Context, found []ports.FoundMessage) (full bool, err error) {
	entries, err := w.readable(ctx, found)
	if err != nil {
		return false, err
	}
	for i := range found {
		if hit, is := w.hit(entries[placeOf(found[i])]); is {
			size := w.s.cfg.Measure(&hit.Entry) + hitHead + markBytes*len(hit.Marks)
			if size > w.bytes && len(w.hits) > 0 {
				w.more = true
				return true, nil
			}
			w.bytes -= size
			w.hits = append(w.hits, hit)
		}
		if w.last = &found[i]; len(w.hits) == w.ask.Limit {
			w.more = w.more || i+1 < len(found)
			return true, nil
		}
	}
	return false, nil
}

type place struct {
	room chat.RoomID
	seq  chat.Seq
}

func placeOf(m ports.FoundMessage) place { return place{m.Room, m.Seq} }

// read reads messages in their present form, those of each room together.
func (w *walk) read(ctx context.Context, found []ports.FoundMessage) (map[place]*chat.Entry, error) {
	seqs := map[chat.RoomID][]chat.Seq{}
	var rooms []chat.RoomID
	for _, m := range found {
		if seqs[m.Room] == nil {
			rooms = append(rooms, m.Room)
		}
		seqs[m.Room] = append(seqs[m.Room], m.Seq)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu      sync.Mutex
		failed  error
		entries = make(map[place]*chat.Entry, len(found))
		wg      sync.WaitGroup
		turn    = make(chan chat.RoomID)
	)
	for range min(readers, len(rooms)) {
		wg.Go(func() {
			for room := range turn {
				list := seqs[room]
				slices.Sort(list)
				span := ports.Span{Among: list, After: list[0] - 1, Before: list[len(list)-1] + 1, Limit: len(list), Viewer: w.by.User}
				read, err := w.s.cfg.Log.Read(ctx, room, span)
				mu.Lock()
				for i := range read {
					entries[place{room, read[i].Seq}] = &read[i]
				}
				if err != nil && failed == nil {
					failed = err
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	for _, room := range rooms {
		turn <- room
	}
	close(turn)
	wg.Wait()
	return entries, failed
}

// readable reads messages in their present form, without those that the user may not read. It looks
// at the user's rights before and after. Where these have changed meanwhile, what it read may have
// been said only while the user could not read it: so it reads that again.
func (w *walk) readable(ctx context.Context, found []ports.FoundMessage) (map[place]*chat.Entry, error) {
	const tries = 4
	if err := w.see(ctx, found); err != nil {
		return nil, err
	}
	entries := make(map[place]*chat.Entry, len(found))
	for n := 0; n < tries && len(found) > 0; n++ {
		read, err := w.read(ctx, found)
		if err != nil {
			return nil, err
		}
		now, err := w.standings(ctx, found)
		if err != nil {
			return nil, err
		}
		var again []ports.FoundMessage
		for _, m := range found {
			st := now[m.Room]
			switch before := w.seen[m.Room]; {
			case !reads(&st, w.by):
			case !sameRights(&before, &st):
				again = append(again, m)
			default:
				entries[placeOf(m)] = read[placeOf(m)]
			}
		}
		maps.Copy(w.seen, now)
		found = again
	}
	return entries, nil
}

// see looks at the user's rights in rooms where that was not done yet.
func (w *walk) see(ctx context.Context, found []ports.FoundMessage) error {
	var others []ports.FoundMessage
	for _, m := range found {
		if _, seen := w.seen[m.Room]; !seen {
			others = append(others, m)
		}
	}
	if len(others) == 0 {
		return nil
	}
	now, err := w.standings(ctx, others)
	maps.Copy(w.seen, now)
	return err
}

// standings returns how the user stands to the messages' rooms now.
func (w *walk) standings(ctx context.Context, found []ports.FoundMessage) (map[chat.RoomID]chat.Standing, error) {
	var asked []ports.Place
	now := map[chat.RoomID]chat.Standing{}
	for _, m := range found {
		if _, is := now[m.Room]; !is {
			now[m.Room] = chat.Standing{}
			asked = append(asked, ports.Place{Room: m.Room, User: w.by.User})
		}
	}
	standings, err := w.s.cfg.Directory.Places(ctx, asked)
	if err != nil {
		return nil, err
	}
	for i := range standings {
		now[asked[i].Room] = standings[i]
	}
	return now, nil
}

// sameRights reports whether nothing has changed what a user may do in a room.
func sameRights(a, b *chat.Standing) bool {
	return a.Room.Changed == b.Room.Changed && a.Member.Role == b.Member.Role && a.Member.Banned == b.Member.Banned && a.Member.Since.Equal(b.Member.Since)
}

// reads reports whether by may read a room.
func reads(st *chat.Standing, by chat.Identity) bool {
	return st.Room.ID != "" && st.Role(by).May(chat.Read)
}

// hit returns how a message is shown. is reports whether it matches the query.
func (w *walk) hit(e *chat.Entry) (hit ports.SearchHit, is bool) {
	if e == nil {
		return hit, false
	}
	m, said := e.Fact.(chat.Message)
	switch ask := w.ask; {
	case !said || !m.DeletedAt.IsZero():
	case ask.Author != "" && e.Author.ID != ask.Author:
	case ask.Has == ports.HasLink && !hasLink(m.Body):
	case !ask.From.IsZero() && e.At.Before(ask.From), !ask.To.IsZero() && !e.At.Before(ask.To):
	default:
		marks, does := w.query.match(m.Body, w.s.cfg.Words.Words(nil, m.Body))
		return ports.SearchHit{Entry: *e, Marks: marks}, does
	}
	return hit, false
}
