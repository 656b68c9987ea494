package rest

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
)

// member is a user's place in a room.
type member struct {
	User   chat.UserID `json:"user"`
	Role   string      `json:"role,omitempty"`
	Banned bool        `json:"banned,omitempty"`
	Since  string      `json:"since"`
}

func place(m chat.Member) member {
	shown := member{User: m.User, Banned: m.Banned, Since: m.Since.UTC().Format(wire.TimeLayout)}
	if !m.Banned {
		shown.Role = m.Role.String()
	}
	return shown
}

func (a *API) listMembers(r *request) error {
	id, err := r.room()
	if err != nil {
		return err
	}
	limit, err := r.limit()
	if err != nil {
		return err
	}
	var after chat.UserID
	if text := utils.CopyString(r.Query("after")); text != "" {
		if after, err = chat.ParseOldUserID(text); err != nil {
			return err
		}
	}
	page, next, err := a.cfg.Members.Members(r.ctx, r.by, id, after, limit)
	if err != nil {
		return err
	}
	members := make([]member, len(page))
	for i, m := range page {
		members[i] = place(m)
	}
	return r.encode(fiber.StatusOK, struct {
		Members []member    `json:"members"`
		Next    chat.UserID `json:"next,omitempty"`
	}{members, next})
}

func (a *API) setMember(r *request) error {
	id, user, err := r.member()
	if err != nil {
		return err
	}
	if _, err := chat.ParseUserID(string(user)); err != nil {
		return err
	}
	o, err := r.object()
	if err != nil {
		return err
	}
	role, err := o.role()
	if err != nil {
		return err
	}
	m, err := a.cfg.Members.SetMember(r.ctx, r.by, id, user, role)
	if err != nil {
		return err
	}
	return r.encode(fiber.StatusOK, place(m))
}

// role returns the role to give, or None for a ban.
func (o object) role() (chat.Role, error) {
	role, err := o.Text("role")
	if err != nil {
		return chat.None, err
	}
	banned, err := o.Flag("banned")
	switch {
	case err != nil:
		return chat.None, err
	case banned != nil && *banned && role != nil:
		return chat.None, chat.Errorf(chat.Invalid, "role and banned exclude each other")
	case banned != nil && *banned:
		return chat.None, nil
	case role == nil:
		return chat.None, chat.Errorf(chat.Invalid, "role is missing")
	}
	return chat.ParseRole(*role)
}

func (a *API) removeMember(r *request) error {
	id, user, err := r.member()
	if err != nil {
		return err
	}
	if err := a.cfg.Members.RemoveMember(r.ctx, r.by, id, user); err != nil {
		return err
	}
	r.Status(fiber.StatusNoContent)
	return nil
}

// marks answers with how far the other users have read a room.
func (a *API) marks(r *request) error {
	id, err := r.room()
	if err != nil {
		return err
	}
	if _, err := a.cfg.Reader.Allowed(r.ctx, r.by, id); err != nil {
		return err
	}
	marks, err := a.cfg.Reader.Marks(r.ctx, r.by, id)
	if err != nil {
		return err
	}
	return r.answer(fiber.StatusOK, wire.AppendMarks(nil, id, marks))
}
