package ports

import (
	"errors"

	"github.com/parley-chat/parley/core/chat"
)

// Partial is the error of a call about several rooms if a part of the store is away, and with it
// some of the rooms. For the other rooms the call returns what it returns without an error.
type Partial struct {
	Lacks func(chat.RoomID) bool // whether a room is away
	Err   error                  // why; of the kind Unavailable
}

func (p *Partial) Error() string { return p.Err.Error() }

// Unwrap returns why.
func (p *Partial) Unwrap() error { return p.Err }

// IsPartial reports whether a call returned something of some rooms in spite of an error.
func IsPartial(err error) bool {
	_, ok := errors.AsType[*Partial](err)
	return ok
}
