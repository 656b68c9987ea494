package messaging

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Config is what a Service works with. Log and Directory are needed; everything else has a usable
// zero value.
type Config struct {
	Log       ports.Log
	Directory ports.Directory
	Bus       ports.Bus             // nil: this node is alone
	Observer  ports.JournalObserver // nil: nobody is told

	// Which tells which log the store keeps, for clients to know to which one their cursors belong;
	// nil: they are not told.
	Which func() chat.LogID

	Autocreate bool // the first message in a room that does not exist makes it, public
	RateLimit  Rate // of each user; zero or negative: none
	RoomsLimit Rate // how many rooms a user may make; zero or negative: any number
	AddsLimit  Rate // how often a user may make another a member who is none; zero or negative: as often as they like
	Reactions  int  // most different emoji that a message may have at once; 0: chat.MaxReactions

	AnswerBytes int                   // most bytes of a page; 0: 256 KiB
	Measure     func(*chat.Entry) int // how many of them an entry takes; nil: its Size

	Lanes    int // how many batches may be committed at once; a room's are always one after the other; 0: 4
	MaxBatch int // most proposals, or read marks, in one batch; 0: 512
	MaxQueue int // most proposals that wait in one lane before Write pushes back, and most read marks that wait; 0: 8192

	AppendTimeout time.Duration // for one try; 0: 5 s
	RetryFor      time.Duration // how long an append that cannot reach the log is retried; 0: 2 s
}

func (c Config) withDefaults() Config {
	if c.Observer == nil {
		c.Observer = ports.Unobserved{}
	}
	if c.Which == nil {
		c.Which = func() chat.LogID { return "" }
	}
	orInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	if c.Measure == nil {
		c.Measure = (*chat.Entry).Size
	}
	orInt(&c.AnswerBytes, 256<<10)
	orInt(&c.Lanes, 4)
	orInt(&c.MaxBatch, 512)
	orInt(&c.MaxQueue, 8192)
	if c.AppendTimeout <= 0 {
		c.AppendTimeout = 5 * time.Second
	}
	if c.RetryFor <= 0 {
		c.RetryFor = 2 * time.Second
	}
	return c
}

// Service implements the driving ports of what is said and seen.
type Service struct {
	cfg       Config
	journal   *journal
	marker    *marker
	standings *standings
	limiter   *limiter
	making    *limiter       // of rooms
	adding    *limiter       // of members
	runs      chan struct{}  // closed once it runs
	audience  ports.Audience // once it runs
}

var (
	_ ports.Writer  = (*Service)(nil)
	_ ports.Reader  = (*Service)(nil)
	_ ports.Rooms   = (*Service)(nil)
	_ ports.Members = (*Service)(nil)
	_ ports.Limiter = (*Service)(nil)
)

// New returns a service. What is written waits until Run.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg.withDefaults(), runs: make(chan struct{}), standings: newStandings(), limiter: newLimiter(cfg.RateLimit), making: newLimiter(cfg.RoomsLimit), adding: newLimiter(cfg.AddsLimit)}
	s.making.reason = "you have made too many rooms; wait before you make another one"
	s.adding.reason = "you have added too many people to rooms; wait before you add more"
	s.journal = newJournal(s.cfg, s.standings)
	s.marker = newMarker(s.cfg)
	return s
}

// Run writes what is proposed, moves read marks, and tells audience of entries, until ctx ends;
// then it refuses new ones, writes those that wait, answers them all, and returns. It is called
// once.
func (s *Service) Run(ctx context.Context, audience ports.Audience) error {
	s.audience = audience
	close(s.runs)
	var wg sync.WaitGroup
	wg.Go(func() { s.journal.run(ctx, audience) })
	wg.Go(func() { s.marker.run(ctx) })
	wg.Go(func() { s.limiter.sweep(ctx) })
	wg.Go(func() { s.making.sweep(ctx) })
	wg.Go(func() { s.adding.sweep(ctx) })
	wg.Wait()
	return nil
}

// Hear takes what other nodes tell: who stands otherwise in a room is looked up again.
func (s *Service) Hear(notice ports.Notice) {
	if n, ok := notice.(ports.StandingChanged); ok {
		s.standings.hear(n)
	}
}

// Deaf takes that other nodes may have told something that did not come.
func (s *Service) Deaf() { s.standings.clear() }

// standing asks the directory and remembers the answer for Write and Allowed.
func (s *Service) standing(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error) {
	return s.standingAt(ctx, by, room, false)
}

// standingAt is standing for what may come before a room is there: to enter it, or to say the first
// thing in it.
func (s *Service) standingAt(ctx context.Context, by chat.Identity, room chat.RoomID, first bool) (chat.Standing, chat.Role, error) {
	ticket := s.standings.ticket(by.User, room)
	st, err := s.place(ctx, room, by, first)
	if err != nil {
		return chat.Standing{}, chat.None, err
	}
	return s.remember(ticket, st, by)
}

// place asks the directory how a user stands in a room. What takes longer, as counting what is
// unread, is not asked before it is known that they may read: how long an answer takes must not
// tell who may not that there is a room. A room that does not exist is Unmade to those who may make
// it, if somebody follows it or first is true.
func (s *Service) place(ctx context.Context, room chat.RoomID, by chat.Identity, first bool) (chat.Standing, error) {
	standings, err := s.cfg.Directory.Places(ctx, []ports.Place{{Room: room, User: by.User}})
	switch {
	case err != nil:
		return chat.Standing{}, err
	case standings[0].Room.ID != "":
		return standings[0], nil
	case s.mayMake(by, room) && (first || s.followed(ctx, room)):
		return chat.Standing{Room: chat.Unmade(room)}, nil
	}
	return chat.Standing{}, chat.NoRoom(room)
}

// followed reports whether somebody on this node follows a room. That is known once the service
// runs.
func (s *Service) followed(ctx context.Context, room chat.RoomID) bool {
	select {
	case <-s.runs:
		return s.audience.Followed(room)
	case <-ctx.Done():
		return false
	}
}

// mayMake reports whether by makes room by writing in it. A token that speaks for some rooms only
// makes those only.
func (s *Service) mayMake(by chat.Identity, room chat.RoomID) bool {
	return s.cfg.Autocreate && (by.Admin || by.Grants == nil || by.Grants.For(room).May(chat.Read))
}

// remember keeps what the directory answered, and returns it to who may read. Of others nothing is
// kept, as nothing is of a room that does not exist: the next answer would come sooner where there
// is a room.
func (s *Service) remember(t ticket, st chat.Standing, by chat.Identity) (chat.Standing, chat.Role, error) {
	role, err := entitled(st, by, chat.Read)
	if err != nil {
		return chat.Standing{}, chat.None, err
	}
	if st.Room.Made() { // at any moment somebody else may make it another one
		s.standings.put(t, st)
	}
	return st, role, nil
}

// entitled returns the role of by, if it covers need.
func entitled(st chat.Standing, by chat.Identity, need chat.Role) (chat.Role, error) {
	return by.In(st.Room.ID).Entitle(st.Room, st.Member, need)
}

// Allowed implements ports.Reader.
func (s *Service) Allowed(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Role, error) {
	if err := s.limiter.take(by, costRead); err != nil {
		return chat.None, err
	}
	return s.require(ctx, by, room, chat.Read)
}

// MayRead implements ports.Reader. It asks the directory itself, for all of them at once.
func (s *Service) MayRead(ctx context.Context, readers []ports.Follower) ([]ports.Right, error) {
	asked := make([]ports.Place, len(readers))
	for i, r := range readers {
		asked[i] = ports.Place{Room: r.Room, User: r.By.User}
	}
	standings, err := s.cfg.Directory.Places(ctx, asked)
	if err != nil {
		return nil, err
	}
	rights := make([]ports.Right, len(readers))
	for i, st := range standings {
		rights[i].Head = st.Room.Head
		if st.Room.ID == "" {
			if rights[i].Unmade = s.mayMake(readers[i].By, readers[i].Room); !rights[i].Unmade {
				rights[i].Err = chat.NoRoom(readers[i].Room)
			}
			continue
		}
		_, rights[i].Err = entitled(st, readers[i].By, chat.Read)
	}
	return rights, nil
}

// Charge implements ports.Limiter.
func (s *Service) Charge(by chat.Identity) error { return s.limiter.take(by, costWrite) }

// require returns the role of by in room as lately known, if it covers need.
func (s *Service) require(ctx context.Context, by chat.Identity, room chat.RoomID, need chat.Role) (chat.Role, error) {
	_, role, err := s.known(ctx, by, room, need, false)
	return role, err
}

// known is require, and returns also how by stands in room. What may come first is as in
// standingAt.
func (s *Service) known(ctx context.Context, by chat.Identity, room chat.RoomID, need chat.Role, first bool) (chat.Standing, chat.Role, error) {
	st, ok := s.standings.get(by.User, room)
	if !ok {
		var err error
		if st, _, err = s.standingAt(ctx, by, room, first); err != nil {
			return chat.Standing{}, chat.None, err
		}
	}
	role, err := entitled(st, by, need)
	return st, role, err
}
