package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// TokenVerifier turns a token into an identity.
type TokenVerifier interface {
	// Verify returns whom the token speaks for. A token that is refused, for whatever reason, is
	// Unauthenticated, with a reason that helps its owner and gives nothing away; keys that cannot
	// be reached are Unavailable. The identity's Expires is set.
	Verify(ctx context.Context, token string) (chat.Identity, error)
}
