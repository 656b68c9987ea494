package messaging

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Config configures a Service. Log and Directory are required; everything else has a usable zero
// value.
type Config struct {
	Log       ports.Log
	Directory ports.Directory
	Lists     ports.RoomLists       // nil: rooms are listed by id only
	Slots     ports.Slots           // nil: nothing can be set
	Bus       ports.Bus             // nil: this node is alone
	Alone     bool                  // no other node serves this log, whatever Bus there is
	Observer  ports.JournalObserver // nil: nobody is told

	// Which returns the id of the store's log. Clients are told it with their cursors; nil: they
	// are not told.
	Which func() chat.LogID

	Autocreate   bool // the first message to a room that does not exist makes it, as a public room
	RateLimit    Rate // of each user; zero or negative: none
	ServiceLimit Rate // of each service; the other limits do not count for it; zero or less: none
	RoomsLimit   Rate // of rooms that one user makes; zero or negative: none
	AddsLimit    Rate // of users whom one user makes members of rooms; zero or negative: none
	SearchLimit  Rate // of searches of one user; zero or negative: none
	// Max different emoji on a message at once. 0: chat.MaxReactions.
	Reactions int

	AnswerBytes int                   // max bytes of a page; 0: 256 KiB
	Measure     func(*chat.Entry) int // how many bytes an entry takes in a page; nil: its Size

	// Spread spreads rooms over lanes, of which each commits one batch at a time. nil: over Lanes,
	// by a hash of this process.
	Spread   ports.Spread
	Lanes    int // 0: 4
	MaxBatch int // max proposals, or read marks, in a batch; 0: 512
	// Max proposals that wait in a lane, and max read marks that wait. More are refused. 0: 8192.
	MaxQueue int

	AppendTimeout time.Duration // for one try; 0: 5 s
	RetryFor      time.Duration // how long an append is retried if it cannot reach the log; 0: 2 s
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

// Service implements the driving ports for messages, rooms and members.
type Service struct {
	cfg       Config
	journal   *journal
	marker    *marker
	standings *standings
	large     largeRooms
	limiter   *limiter
	services  *limiter       // limits what services do
	making    *limiter       // limits making rooms
	adding    *limiter       // limits adding members
	searching *limiter       // limits searches
	runs      chan struct{}  // closed once Run has begun
	audience  ports.Audience // set once Run has begun
}

var (
	_ ports.Writer  = (*Service)(nil)
	_ ports.Reader  = (*Service)(nil)
	_ ports.Rooms   = (*Service)(nil)
	_ ports.Members = (*Service)(nil)
	_ ports.Sets    = (*Service)(nil)
	_ ports.Limiter = (*Service)(nil)
)

// New returns a service. Nothing is written before Run.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg.withDefaults(), runs: make(chan struct{}), standings: newStandings(), limiter: newLimiter(cfg.RateLimit), services: newLimiter(cfg.ServiceLimit), making: newLimiter(cfg.RoomsLimit), adding: newLimiter(cfg.AddsLimit), searching: newLimiter(cfg.SearchLimit)}
	s.services.services = true
	s.services.reason = "the service does too much at once; wait a moment"
	s.making.reason = "you have made too many rooms; wait before you make another one"
	s.adding.reason = "you have added too many people to rooms; wait before you add more"
	s.searching.reason = "you search too often; wait a moment"
	if cfg.Alone {
		s.standings.valid = aloneAge
	}
	s.journal = newJournal(s.cfg, s.standings)
	s.marker = newMarker(s.cfg)
	return s
}

// Run serves until ctx ends: it appends proposals, moves read marks, ends pins that are due, and
// tells audience of entries. Then it refuses new proposals and marks, writes those that wait,
// answers all of them, and returns. It is called once.
func (s *Service) Run(ctx context.Context, audience ports.Audience) error {
	s.audience = audience
	close(s.runs)
	var wg sync.WaitGroup
	wg.Go(func() { s.journal.run(ctx, audience) })
	wg.Go(func() { s.marker.run(ctx) })
	wg.Go(func() { s.limiter.sweep(ctx) })
	wg.Go(func() { s.services.sweep(ctx) })
	wg.Go(func() { s.making.sweep(ctx) })
	wg.Go(func() { s.adding.sweep(ctx) })
	wg.Go(func() { s.searching.sweep(ctx) })
	wg.Go(func() { s.expire(ctx) })
	wg.Wait()
	return nil
}

// Hear takes notices of other nodes: of standings that have changed, and of nodes that write.
func (s *Service) Hear(notice ports.Notice) {
	switch n := notice.(type) {
	case ports.StandingChanged:
		s.standings.hear(n)
	case ports.Writing:
		s.journal.sharing.hear(n)
	}
}

// Writing returns how many nodes append much to the log, as far as this one has heard. This one
// counts in any case.
func (s *Service) Writing() int { return 1 + s.journal.sharing.writing(time.Now()) }

// Deaf forgets all standings, as notices of other nodes may have been lost.
func (s *Service) Deaf() { s.standings.clear() }

// standing asks the directory for a user's standing and role in a room, and caches the answer for
// Write and Allowed.
func (s *Service) standing(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error) {
	return s.standingAt(ctx, by, room, false)
}

// standingAt is like standing. With first it also allows acts that are possible before the room
// exists: entering it, and sending its first message.
func (s *Service) standingAt(ctx context.Context, by chat.Identity, room chat.RoomID, first bool) (chat.Standing, chat.Role, error) {
	ticket := s.standings.ticket(by.User, room)
	st, err := s.place(ctx, room, by, first)
	if err != nil {
		return chat.Standing{}, chat.None, err
	}
	return s.remember(ticket, st, by)
}

// place asks the directory for a user's standing in a room. It does not count unread messages, or
// do anything else that takes long: the time of an answer must not tell a user who may not read
// that the room exists. A room that does not exist is Unmade to those who may make it, if somebody
// follows it or first is true.
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

// followed reports whether somebody on this node follows a room. It waits until the service runs.
func (s *Service) followed(ctx context.Context, room chat.RoomID) bool {
	select {
	case <-s.runs:
		return s.audience.Followed(room)
	case <-ctx.Done():
		return false
	}
}

// mayMake reports whether by makes room by writing in it. A token with grants makes only rooms that
// it grants.
func (s *Service) mayMake(by chat.Identity, room chat.RoomID) bool {
	return s.cfg.Autocreate && (by.Admin || by.Grants == nil || by.Grants.For(room).May(chat.Read))
}

// remember caches a standing, and returns it with the role, if the user may read. Otherwise nothing
// is cached, as for a room that does not exist. If it were, the next answer would come faster, and
// tell that the room exists.
func (s *Service) remember(t ticket, st chat.Standing, by chat.Identity) (chat.Standing, chat.Role, error) {
	role, err := entitled(st, by, chat.Read)
	if err != nil {
		return chat.Standing{}, chat.None, err
	}
	if st.Room.Made() { // an unmade room may change at any moment
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
	if err := s.charge(by, costRead); err != nil {
		return chat.None, err
	}
	return s.require(ctx, by, room, chat.Read)
}

// MayRead implements ports.Reader. It asks the directory, not the cache, for all at once.
func (s *Service) MayRead(ctx context.Context, readers []ports.Follower) ([]ports.Right, error) {
	asked := make([]ports.Place, len(readers))
	for i, r := range readers {
		asked[i] = ports.Place{Room: r.Room, User: r.By.User}
	}
	standings, err := s.cfg.Directory.Places(ctx, asked)
	partial, partly := errors.AsType[*ports.Partial](err)
	if err != nil && !partly {
		return nil, err
	}
	rights := make([]ports.Right, len(readers))
	for i, st := range standings {
		if partly && partial.Lacks(readers[i].Room) {
			rights[i].Err = partial
			continue
		}
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

// charge takes cost from the bucket of who pays for it.
func (s *Service) charge(by chat.Identity, cost float64) error {
	if by.Service() {
		return s.services.take(by, cost)
	}
	return s.limiter.take(by, cost)
}

// Charge implements ports.Limiter.
func (s *Service) Charge(by chat.Identity) error { return s.charge(by, costWrite) }

// ChargeRead implements ports.Limiter.
func (s *Service) ChargeRead(by chat.Identity) error { return s.charge(by, costRead) }

// ChargeSearch charges by for a search, or fails with RateLimited. For a service it is charged like
// anything else that the service does.
func (s *Service) ChargeSearch(by chat.Identity) error {
	if by.Service() {
		return s.services.take(by, costSearch)
	}
	return s.searching.take(by, costOne)
}

// require returns the role of by in room if it covers need. The role may come from the cache.
func (s *Service) require(ctx context.Context, by chat.Identity, room chat.RoomID, need chat.Role) (chat.Role, error) {
	_, role, err := s.known(ctx, by, room, need, false)
	return role, err
}

// known is like require, and also returns the standing. first is as in standingAt.
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
