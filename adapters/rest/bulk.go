package rest

import (
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// maxMembers is the max places that one request sets.
const maxMembers = 1000

// wish is one place that a request sets, or the reason why it is invalid.
type wish struct {
	ports.MemberSet
	err error
}

// wishes returns the places of a list, at most maxMembers.
func (o object) wishes(name string) ([]wish, error) {
	list, err := o.List(name, maxMembers)
	if err != nil {
		return nil, err
	}
	wishes := make([]wish, len(list))
	for i, e := range list {
		if e.Err != nil {
			wishes[i].err = e.Err
			continue
		}
		wishes[i].MemberSet, wishes[i].err = memberSet(object{e.Body})
	}
	return wishes, nil
}

// noRole is how lists of places name the role of a user who has none.
const noRole = "none"

func memberSet(o object) (set ports.MemberSet, err error) {
	parse := chat.ParseUserID
	role, err := o.Text("role")
	if err != nil {
		return set, err
	}
	gone := role != nil && *role == noRole
	if gone {
		parse = chat.ParseOldUserID
	}
	if set.User, err = needed(o, "user", parse); err != nil {
		return set, err
	}
	banned, err := o.Flag("banned")
	switch {
	case err != nil:
		return set, err
	case gone && (banned == nil || !*banned):
		return set, nil
	}
	set.Role, err = o.role()
	set.Banned = err == nil && set.Role == chat.None
	return set, err
}

// placeSet is the result of a wish.
type placeSet struct {
	User    chat.UserID     `json:"user,omitempty"`
	Role    string          `json:"role,omitempty"`
	Banned  bool            `json:"banned,omitempty"`
	Changed *bool           `json:"changed,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

func (a *API) setMembers(r *request) error {
	id, err := r.room()
	if err != nil {
		return err
	}
	o, err := r.object()
	if err != nil {
		return err
	}
	wishes, err := o.wishes("set")
	if err != nil {
		return err
	}
	if len(wishes) == 0 {
		return chat.Errorf(chat.Invalid, "set must have 1 to %d elements", maxMembers)
	}
	results, err := a.grant(r, id, wishes)
	if err != nil {
		return err
	}
	return r.encode(fiber.StatusOK, struct {
		Results []placeSet `json:"results"`
	}{results})
}

// grant sets the valid ones of places, and returns a result for each, in order.
func (a *API) grant(r *request, room chat.RoomID, wishes []wish) ([]placeSet, error) {
	var set []ports.MemberSet
	for _, w := range wishes {
		if w.err == nil {
			set = append(set, w.MemberSet)
		}
	}
	done, err := a.cfg.Members.SetMembers(r.ctx, r.by, room, set)
	if err != nil {
		return nil, err
	}
	if len(done) != len(set) {
		return nil, fmt.Errorf("there are %d results of %d members", len(done), len(set))
	}
	results := make([]placeSet, len(wishes))
	for i, w := range wishes {
		err := w.err
		results[i] = placeSet{User: w.User}
		if err == nil {
			is := done[0]
			done = done[1:]
			if err = is.Err; err == nil {
				results[i] = placeSet{User: w.User, Banned: w.Banned, Changed: new(!is.Unchanged)}
				if !w.Banned {
					results[i].Role = w.Role.String()
				}
			}
		}
		if err != nil {
			results[i].Error = wire.AppendError(nil, a.told(r, err))
		}
	}
	return results, nil
}

// told returns the error that a client gets as one of several results. If it is a fault of the
// service, the observer is told too.
func (a *API) told(r *request, err error) error {
	e := *chat.AsError(err)
	switch e.Kind {
	case chat.Internal:
		e = chat.Error{Kind: chat.Internal, Reason: "a fault of the service; it is logged under " + a.cfg.Faults.Fault(r.ctx, "answer a part of a request", err)}
	case chat.Unavailable:
		if e.Cause != nil { // the observer was not told yet
			a.cfg.Faults.Fault(r.ctx, "answer a part of a request", err)
		}
		if e.RetryAfter <= 0 {
			e.RetryAfter = retryAfter
		}
	}
	return &e
}
