package ports

import "github.com/parley-chat/parley/core/chat"

// Limiter counts what users do, if no other port counts it.
type Limiter interface {
	// Charge counts something that costs as much as a write, or fails with RateLimited and the time
	// until the user may try again.
	Charge(by chat.Identity) error
	// ChargeRead is like Charge, for something that costs as much as a read.
	ChargeRead(by chat.Identity) error
}

// Unlimited is a Limiter that lets everything pass.
type Unlimited struct{}

var _ Limiter = Unlimited{}

// Charge counts nothing.
func (Unlimited) Charge(chat.Identity) error { return nil }

// ChargeRead counts nothing.
func (Unlimited) ChargeRead(chat.Identity) error { return nil }
