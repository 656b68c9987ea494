package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Profiles shows and changes the profiles of users. Everybody with a token may ask for any user by
// their id.
type Profiles interface {
	// Profiles returns the profiles of 1 to MaxUsers users, each once, in the order in which they
	// are asked for. Users without a profile are left out. Users whose profiles do not fit into one
	// answer are in Rest.
	Profiles(ctx context.Context, by chat.Identity, users []chat.UserID) (ProfilePage, error)

	// SetProfile changes a user's profile. The error is Forbidden, unless by is that user, a
	// service or an admin. It is a Conflict with the detail Stale if IfVersion is not the present
	// version, or if IfThere is set and there is no profile.
	SetProfile(ctx context.Context, by chat.Identity, user chat.UserID, change chat.ProfileChange) (chat.Profile, error)

	// Known returns the profiles of up to MaxUsers users, if they have one, in any order. The
	// service calls it for itself: it counts against nobody's limit.
	Known(ctx context.Context, users []chat.UserID) ([]chat.Profile, error)
}

// MaxUsers is how many users one request may ask about.
const MaxUsers = 100

// MaxWatched is how many users a session watches: it is told when they change. If it asks for more,
// it watches the last ones.
const MaxWatched = 1000

// ProfilePage has the profiles of some users.
type ProfilePage struct {
	Users []chat.Profile
	Rest  []chat.UserID // to be asked for again, as they did not fit into the answer
}

// People keeps the profiles of users. A profile comes from the claims of tokens, or is set by a
// request; the later one counts. A claim counts only if it differs from what tokens said before. So
// a name that was set stays until the issuer says something new.
type People interface {
	// Profiles returns the profiles of those users who have one, each once, in any order.
	Profiles(ctx context.Context, users []chat.UserID) ([]chat.Profile, error)

	// SetProfile changes or makes a profile, in one durable commit. It returns the profile, and
	// whether anything changed: if not, nothing is written. The error is a Conflict with the detail
	// Stale if IfVersion is not the present version, which is 0 if there is no profile, or if
	// IfThere is set and there is no profile. It is a Conflict without a detail if the user is gone
	// for good.
	SetProfile(ctx context.Context, user chat.UserID, change chat.ProfileChange) (is chat.Profile, changed bool, err error)

	// Learn takes claims of tokens, at most one of each user, in one durable commit. It returns the
	// profiles that it has changed or made. A claim counts if its token was issued after the last
	// one that counted, and after the profile was last set. Of such a claim only values count that
	// are not empty, and that differ from what the last claim that counted said. If nothing counts,
	// nothing is written. It does not bring back a user who is gone.
	Learn(ctx context.Context, claims []chat.Claim) ([]chat.Profile, error)
}
