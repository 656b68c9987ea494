package memory

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.People = (*Store)(nil)

// Profiles implements ports.People.
func (s *Store) Profiles(ctx context.Context, users []chat.UserID) (profiles []chat.Profile, _ error) {
	if err := ended(ctx, "read profiles"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	seen := map[chat.UserID]bool{}
	for _, user := range users {
		if p, known := s.people[user]; known && !p.Gone && !seen[user] {
			seen[user] = true
			profiles = append(profiles, p.Profile)
		}
	}
	return profiles, nil
}

// SetProfile implements ports.People.
func (s *Store) SetProfile(ctx context.Context, user chat.UserID, change chat.ProfileChange) (chat.Profile, bool, error) {
	if err := ended(ctx, "set a profile"); err != nil {
		return chat.Profile{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.person(user)
	changed, err := p.Set(change, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return chat.Profile{}, false, err
	}
	if changed {
		s.people[user] = p
	}
	return p.Profile, changed, nil
}

// Learn implements ports.People.
func (s *Store) Learn(ctx context.Context, claims []chat.Claim) (changed []chat.Profile, _ error) {
	if err := ended(ctx, "learn of users"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range claims {
		p := s.person(c.User)
		if p.Learn(c) {
			s.people[c.User] = p
			changed = append(changed, p.Profile)
		}
	}
	return changed, nil
}

// person returns what is known of a user. The lock is held.
func (s *Store) person(user chat.UserID) chat.Person {
	p := s.people[user]
	p.User = user
	return p
}
