package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.People = (*Store)(nil)

const (
	// peopleQuery reads users, known or not, and what time it is.
	peopleQuery = `
SELECT a.user_id, coalesce(u.name, ''), coalesce(u.avatar, ''), u.custom, coalesce(u.v, 0), u.as_of,
  coalesce(u.said_name, ''), coalesce(u.said_avatar, ''), coalesce(u.gone, false), clock_timestamp()
FROM unnest($1::text[]) a (user_id) LEFT JOIN usr u ON u.user_id = a.user_id`

	// savePeopleStatement writes users whose version is still the one that was read, and returns
	// those that it has written. Users that somebody else has changed meanwhile are left out. It
	// locks users in the order of their ids, so that two such statements cause no deadlock.
	savePeopleStatement = `
INSERT INTO usr AS u (user_id, name, avatar, custom, v, as_of, said_name, said_avatar)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::timestamptz[], $7::text[], $8::text[]) AS a (user_id)
ORDER BY a.user_id COLLATE "C"
ON CONFLICT (user_id) DO UPDATE SET
  name = excluded.name, avatar = excluded.avatar, custom = excluded.custom, v = excluded.v, as_of = excluded.as_of,
  said_name = excluded.said_name, said_avatar = excluded.said_avatar
WHERE u.v = excluded.v - 1 AND NOT u.gone
RETURNING user_id`

	// personTries is how often a change is tried if changes of others come first.
	personTries = 5
)

// people returns users, known or not, and the server's time.
func (s *Store) people(ctx context.Context, users []chat.UserID) (known map[chat.UserID]chat.Person, at time.Time, err error) {
	ids := make([]string, len(users))
	for i, user := range users {
		ids[i] = string(user)
	}
	known = make(map[chat.UserID]chat.Person, len(users))
	rows, err := s.pool.Query(ctx, peopleQuery, ids)
	if err != nil {
		return nil, at, err
	}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var is chat.Person
		var asOf *time.Time
		err := row.Scan(&is.User, &is.Name, &is.Avatar, &is.Custom, &is.Version, &asOf, &is.SaidName, &is.SaidAvatar, &is.Gone, &at)
		is.AsOf = given(asOf)
		known[is.User] = is
		return struct{}{}, err
	})
	return known, at.UTC(), err
}

// Profiles implements ports.People.
func (s *Store) Profiles(ctx context.Context, users []chat.UserID) (profiles []chat.Profile, err error) {
	err = s.read(ctx, "read profiles", func(ctx context.Context) error {
		known, _, err := s.people(ctx, users)
		profiles = nil
		for _, is := range known {
			if is.Version > 0 && !is.Gone {
				profiles = append(profiles, is.Profile)
			}
		}
		return err
	})
	return profiles, err
}

// savePeople writes users, and returns those that it wrote.
func (s *Store) savePeople(ctx context.Context, list []chat.Person) (written map[chat.UserID]bool, err error) {
	n := len(list)
	users, names, avatars, customs := make([]string, n), make([]string, n), make([]string, n), make([][]byte, n)
	versions, times, saidNames, saidAvatars := make([]int64, n), make([]time.Time, n), make([]string, n), make([]string, n)
	for i, p := range list {
		users[i], names[i], avatars[i], customs[i] = string(p.User), p.Name, p.Avatar, p.Custom
		versions[i], times[i], saidNames[i], saidAvatars[i] = p.Version, p.AsOf, p.SaidName, p.SaidAvatar
	}
	ids, err := queryAll(ctx, s.pool, savePeopleStatement, []any{users, names, avatars, customs, versions, times, saidNames, saidAvatars}, pgx.RowTo[string])
	written = make(map[chat.UserID]bool, len(ids))
	for _, id := range ids {
		written[chat.UserID(id)] = true
	}
	return written, err
}

// SetProfile implements ports.People.
func (s *Store) SetProfile(ctx context.Context, user chat.UserID, change chat.ProfileChange) (chat.Profile, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for range personTries {
		known, at, err := s.people(ctx, []chat.UserID{user})
		if err != nil {
			return chat.Profile{}, false, failure(ctx, err, "set a profile")
		}
		p := known[user]
		changed, err := p.Set(change, at)
		if err != nil || !changed {
			return p.Profile, false, err
		}
		written, err := s.savePeople(ctx, []chat.Person{p})
		if err != nil {
			return chat.Profile{}, false, failure(ctx, err, "set a profile")
		}
		if written[user] {
			return p.Profile, true, nil
		}
	}
	return chat.Profile{}, false, chat.Errorf(chat.Unavailable, "others change this profile at the same time; try again")
}

// Learn implements ports.People. If somebody else changes a user at the same time, it tries again
// for that user.
func (s *Store) Learn(ctx context.Context, claims []chat.Claim) (changed []chat.Profile, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for range personTries {
		users := make([]chat.UserID, len(claims))
		for i, c := range claims {
			users[i] = c.User
		}
		known, _, err := s.people(ctx, users)
		if err != nil {
			return nil, failure(ctx, err, "learn of users")
		}
		var list []chat.Person
		var news []chat.Claim
		for _, c := range claims {
			if p := known[c.User]; p.Learn(c) {
				list, news = append(list, p), append(news, c)
			}
		}
		if len(list) == 0 {
			break
		}
		written, err := s.savePeople(ctx, list)
		if err != nil {
			return nil, failure(ctx, err, "learn of users")
		}
		claims = claims[:0:0]
		for i, p := range list {
			if written[p.User] {
				changed = append(changed, p.Profile)
			} else {
				claims = append(claims, news[i])
			}
		}
		if len(claims) == 0 {
			break
		}
	}
	return changed, nil
}
