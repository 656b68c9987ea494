package ports

import "github.com/parley-chat/parley/core/chat"

// Limiter counts what users do that no other port counts for itself.
type Limiter interface {
	// Charge counts something that is as dear as a write, or is RateLimited, with the time until it
	// may be tried again.
	Charge(by chat.Identity) error
}

// Unlimited is a Limiter that lets everything pass.
type Unlimited struct{}

var _ Limiter = Unlimited{}

// Charge counts nothing.
func (Unlimited) Charge(chat.Identity) error { return nil }
