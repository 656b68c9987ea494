package people

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Config is what a Service works with. Store is needed; everything else has a usable zero value.
type Config struct {
	Store    ports.People
	Limiter  ports.Limiter       // nil: no limit
	Bus      ports.Bus           // nil: this node is alone
	Observer ports.FaultObserver // nil: nobody is told

	AnswerBytes int           // max bytes of a page of profiles; 0: 256 KiB
	Pause       time.Duration // between two batches of claims that are written; 0: 100 ms
}

// Service implements ports.Profiles, and writes what tokens say of their users.
type Service struct {
	cfg    Config
	claims claims
}

var _ ports.Profiles = (*Service)(nil)

// New returns a service. Claims of tokens are not written before Run.
func New(cfg Config) *Service {
	if cfg.Limiter == nil {
		cfg.Limiter = ports.Unlimited{}
	}
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	if cfg.AnswerBytes <= 0 {
		cfg.AnswerBytes = 256 << 10
	}
	if cfg.Pause <= 0 {
		cfg.Pause = 100 * time.Millisecond
	}
	return &Service{cfg: cfg, claims: newClaims()}
}

// Profiles implements ports.Profiles.
func (s *Service) Profiles(ctx context.Context, by chat.Identity, users []chat.UserID) (page ports.ProfilePage, err error) {
	if err := s.cfg.Limiter.ChargeRead(by); err != nil {
		return page, err
	}
	if len(users) == 0 || len(users) > ports.MaxUsers {
		return page, chat.Errorf(chat.Invalid, "ids must have 1 to %d users", ports.MaxUsers)
	}
	found, err := s.cfg.Store.Profiles(ctx, users)
	if err != nil {
		return page, err
	}
	known := make(map[chat.UserID]chat.Profile, len(found))
	for _, p := range found {
		known[p.User] = p
	}
	return s.fit(users, known), nil
}

// fit returns the profiles of those users who are known, each once. It returns as many as fit into
// one answer, and at least one.
func (s *Service) fit(users []chat.UserID, known map[chat.UserID]chat.Profile) (page ports.ProfilePage) {
	left := s.cfg.AnswerBytes - 1<<10 // less what stands around the profiles
	full := false
	for _, user := range users {
		p, there := known[user]
		if !there {
			continue
		}
		delete(known, user)
		if left -= size(&p); full || left < 0 && len(page.Users) > 0 {
			full = true
			page.Rest = append(page.Rest, user)
			left -= len(user)
			continue
		}
		page.Users = append(page.Users, p)
	}
	return page
}

// size returns how many bytes a profile has in an answer at most. JSON at most doubles the length
// of its id, name and avatar.
func size(p *chat.Profile) int {
	const around = 100
	return around + 2*(len(p.User)+len(p.Name)+len(p.Avatar)) + len(p.Custom)
}

// Known implements ports.Profiles.
func (s *Service) Known(ctx context.Context, users []chat.UserID) ([]chat.Profile, error) {
	return s.cfg.Store.Profiles(ctx, users)
}

// maySet reports whether by may set the profile of a user.
func maySet(by chat.Identity, user chat.UserID) bool { return by.User == user || by.Admin || by.Act }

// SetProfile implements ports.Profiles.
func (s *Service) SetProfile(ctx context.Context, by chat.Identity, user chat.UserID, change chat.ProfileChange) (chat.Profile, error) {
	if err := s.cfg.Limiter.Charge(by); err != nil {
		return chat.Profile{}, err
	}
	if !maySet(by, user) {
		return chat.Profile{}, chat.Errorf(chat.Forbidden, "you may set your own profile only")
	}
	// What the user's own token says is older than this change, even if it has not been noted yet.
	if claim := by.Claim(); by.User == user && by.Via == "" && !claim.Empty() && !s.claims.settled(claim) {
		if err := s.learn(ctx, []chat.Claim{claim}); err != nil {
			return chat.Profile{}, err
		}
	}
	is, changed, err := s.cfg.Store.SetProfile(ctx, user, change)
	if err == nil && changed {
		s.tell(ctx, is)
	}
	return is, err
}

// learn writes claims to the store, and tells whose profiles changed.
func (s *Service) learn(ctx context.Context, list []chat.Claim) error {
	changed, err := s.cfg.Store.Learn(ctx, list)
	if err != nil {
		return err
	}
	s.claims.settle(list)
	for _, p := range changed {
		s.tell(ctx, p)
	}
	return nil
}

// tell tells this node and the others that a profile has changed.
func (s *Service) tell(ctx context.Context, p chat.Profile) {
	notice := ports.ProfileChanged{User: p.User, Version: p.Version}
	s.claims.tell(notice)
	if s.cfg.Bus == nil {
		return
	}
	if err := s.cfg.Bus.Tell(ctx, notice); err != nil {
		s.cfg.Observer.Fault(ctx, "tell of a profile", err)
	}
}

// Run writes claims, and tells listener of profiles that change, until ctx ends. It is called once.
// Claims that still wait at the end are not written.
func (s *Service) Run(ctx context.Context, listener ports.Listener) error {
	s.claims.listen(listener)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.claims.wake:
		}
		for batch := range slices.Chunk(s.claims.take(), maxBatch) {
			s.write(ctx, batch)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(s.cfg.Pause):
			}
		}
	}
}

const (
	maxBatch  = 256
	storeTime = 5 * time.Second // for one batch
)

func (s *Service) write(ctx context.Context, batch []chat.Claim) {
	within, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	if err := s.learn(within, batch); err != nil && ctx.Err() == nil {
		s.cfg.Observer.Fault(ctx, "write what tokens say of users", err)
	}
}

// Verifier returns a verifier that verifies tokens by means of another one, and notes their claims.
func (s *Service) Verifier(of ports.TokenVerifier) ports.TokenVerifier { return verifier{of, s} }

type verifier struct {
	ports.TokenVerifier
	people *Service
}

// Verify implements ports.TokenVerifier.
func (v verifier) Verify(ctx context.Context, token string) (chat.Identity, error) {
	who, err := v.TokenVerifier.Verify(ctx, token)
	if err == nil {
		v.people.Heard(who)
	}
	return who, err
}

// Heard notes what a verified token says of its user. It does not wait.
func (s *Service) Heard(who chat.Identity) {
	if c := who.Claim(); !c.Empty() {
		s.claims.put(c)
	}
}
