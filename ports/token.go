package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// TokenVerifier turns a token into an identity.
type TokenVerifier interface {
	// Verify returns the token's identity, with Expires set. A refused token is Unauthenticated,
	// with a reason that helps its owner and reveals no secret. Keys that cannot be reached are
	// Unavailable.
	Verify(ctx context.Context, token string) (chat.Identity, error)
}
