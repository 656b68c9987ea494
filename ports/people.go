package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Profiles shows and changes what is known of users. Everybody with a token may ask for anybody by
// their id.
type Profiles interface {
	// Profiles returns the profiles of users, each once, in the order in which they are asked for;
	// there are 1 to MaxUsers of them. Who has no profile is left out. What is more than one answer
	// holds is in Rest.
	Profiles(ctx context.Context, by chat.Identity, users []chat.UserID) (ProfilePage, error)

	// SetProfile sets what a user is called and the like. It takes to be that user, or a service or
	// an admin: Forbidden. With an IfVersion that is not the present one, and IfThere where there
	// is none, it is a Conflict with the detail Stale.
	SetProfile(ctx context.Context, by chat.Identity, user chat.UserID, change chat.ProfileChange) (chat.Profile, error)

	// Known returns the profiles of up to MaxUsers users who have one, in any order. It is a
	// question of the service's own, and counts against nobody's limit.
	Known(ctx context.Context, users []chat.UserID) ([]chat.Profile, error)
}

// MaxUsers is of how many users one asks at once.
const MaxUsers = 100

// MaxWatched is of how many users a session is told when they change: those that it asked for last.
const MaxWatched = 1000

// ProfilePage is what is known of users.
type ProfilePage struct {
	Users []chat.Profile
	Rest  []chat.UserID // to be asked for again: they did not fit into the answer
}

// People keeps what is known of users. A profile comes of what a token says, or is set by itself;
// what is younger counts. A claim of a token counts only where it is another one than tokens said
// before: so a name that was set stays until the issuer says something new.
type People interface {
	// Profiles returns the profiles of those of the users who have one, each once, in any order.
	Profiles(ctx context.Context, users []chat.UserID) ([]chat.Profile, error)

	// SetProfile changes a profile, or makes it, in one durable commit, and returns it and whether
	// anything changed: if nothing does, nothing is written. With an IfVersion that is not the
	// present one, which is 0 where there is none, and IfThere where there is none, it is a
	// Conflict with the detail Stale; of a user who is gone for good it is a Conflict.
	SetProfile(ctx context.Context, user chat.UserID, change chat.ProfileChange) (is chat.Profile, changed bool, err error)

	// Learn takes what tokens say of users, at most one claim of each, in one durable commit, and
	// returns the profiles that it changed or made. A claim counts if its token was issued after
	// the last one that counted, and after the profile was last set; and of it what is not empty,
	// and not what the claims that counted before said last. Where nothing counts nothing is
	// written. Nobody who is gone comes back by it.
	Learn(ctx context.Context, claims []chat.Claim) ([]chat.Profile, error)
}
