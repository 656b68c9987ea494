package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.People = (*Store)(nil)

// peopleStatements are the statements for users, prepared once.
type peopleStatements struct {
	read        *sql.Stmt // of the readers' pool
	known, save *sql.Stmt // of the writer's connection
}

const (
	peopleQuery = `
		SELECT u.user_id, u.name, u.avatar, u.custom, u.v, u.as_of, u.said_name, u.said_avatar, u.gone
		FROM json_each(?1) a CROSS JOIN usr u ON u.user_id = a.value`

	savePerson = `
		INSERT OR REPLACE INTO usr (user_id, name, avatar, custom, v, as_of, said_name, said_avatar, gone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func (p *peopleStatements) prepare(ctx context.Context, reader, writer *sql.DB) error {
	if err := prepareAll(ctx, reader, map[**sql.Stmt]string{&p.read: peopleQuery}); err != nil {
		return err
	}
	return prepareAll(ctx, writer, map[**sql.Stmt]string{&p.known: peopleQuery, &p.save: savePerson})
}

// people has the users that were read.
type people map[chat.UserID]chat.Person

func (p people) add(scan scanner) error {
	var is chat.Person
	var asOf int64
	err := scan(&is.User, &is.Name, &is.Avatar, &is.Custom, &is.Version, &asOf, &is.SaidName, &is.SaidAvatar, &is.Gone)
	is.AsOf = time.UnixMicro(asOf).UTC()
	p[is.User] = is
	return err
}

// of returns a user, who may not be known.
func (p people) of(user chat.UserID) chat.Person {
	is := p[user]
	is.User = user
	return is
}

// Profiles implements ports.People.
func (s *Store) Profiles(ctx context.Context, users []chat.UserID) (profiles []chat.Profile, _ error) {
	known := people{}
	if err := eachRow(ctx, s.p.read, known.add, list(users)); err != nil {
		return nil, within(ctx, err, "read profiles")
	}
	for _, is := range known {
		if !is.Gone {
			profiles = append(profiles, is.Profile)
		}
	}
	return profiles, nil
}

// SetProfile implements ports.People.
func (s *Store) SetProfile(ctx context.Context, user chat.UserID, change chat.ProfileChange) (is chat.Profile, changed bool, err error) {
	err = s.writeBeside(ctx, "set a profile", func(tx *transaction) error {
		known := people{}
		if err := tx.each(s.p.known, known.add, list([]chat.UserID{user})); err != nil {
			return err
		}
		p := known.of(user)
		if changed, err = p.Set(change, stamp(now())); err != nil {
			return err
		}
		is = p.Profile
		if !changed {
			return nil
		}
		return s.savePerson(tx, &p)
	})
	if err != nil {
		return chat.Profile{}, false, err
	}
	return is, changed, nil
}

func (s *Store) savePerson(tx *transaction, p *chat.Person) error {
	return tx.exec(s.p.save, p.User, p.Name, p.Avatar, p.Custom, p.Version, p.AsOf.UnixMicro(), p.SaidName, p.SaidAvatar, p.Gone)
}

// Learn implements ports.People. It checks first, by a read, whether any claim counts, and writes
// only then.
func (s *Store) Learn(ctx context.Context, claims []chat.Claim) (changed []chat.Profile, err error) {
	users := make([]chat.UserID, len(claims))
	for i, c := range claims {
		users[i] = c.User
	}
	known := people{}
	if err := eachRow(ctx, s.p.read, known.add, list(users)); err != nil {
		return nil, within(ctx, err, "learn of users")
	}
	if !slices.ContainsFunc(claims, func(c chat.Claim) bool { p := known.of(c.User); return p.Learn(c) }) {
		return nil, nil
	}
	err = s.writeBeside(ctx, "learn of users", func(tx *transaction) error {
		known := people{}
		if err := tx.each(s.p.known, known.add, list(users)); err != nil {
			return err
		}
		for _, c := range claims {
			p := known.of(c.User)
			if !p.Learn(c) {
				continue
			}
			if err := s.savePerson(tx, &p); err != nil {
				return err
			}
			changed = append(changed, p.Profile)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}
