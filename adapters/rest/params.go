package rest

import (
	"net/url"

	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// param returns a part of the path, unescaped. It is a copy, because Fiber's values are memory of
// the request.
func (r *request) param(name string) (string, error) {
	s, err := url.PathUnescape(utils.CopyString(r.Params(name)))
	if err != nil {
		return "", chat.Errorf(chat.Invalid, "%s is badly escaped in the path", name)
	}
	return s, nil
}

func (r *request) room() (chat.RoomID, error) {
	s, err := r.param("room")
	if err != nil {
		return "", err
	}
	return chat.ParseRoomID(s)
}

// message returns the room and the message of the path.
func (r *request) message() (room chat.RoomID, seq chat.Seq, err error) {
	if room, err = r.room(); err != nil {
		return "", 0, err
	}
	text, err := r.param("seq")
	if err != nil {
		return "", 0, err
	}
	n, err := wire.ParseWhole("seq", text, 1, int64(chat.MaxSeq))
	return room, chat.Seq(n), err
}

func (r *request) member() (room chat.RoomID, user chat.UserID, err error) {
	if room, err = r.room(); err != nil {
		return "", "", err
	}
	s, err := r.param("user")
	if err != nil {
		return "", "", err
	}
	user, err = chat.ParseOldUserID(s)
	return room, user, err
}

// filter returns a value of the query that narrows what is asked for, or its zero value if it is
// missing. It must not be empty.
func filter[T any](r *request, name string, parse func(string) (T, error)) (is T, err error) {
	text, err := edge.Filter(r.Ctx, name)
	if err != nil || text == "" {
		return is, err
	}
	return parse(text)
}

// number returns a whole number of the query, or otherwise if it is missing.
func (r *request) number(name string, minimum, maximum, otherwise int64) (int64, error) {
	n, given, err := edge.Whole(r.Ctx, name, minimum, maximum)
	if err == nil && !given {
		return otherwise, nil
	}
	return n, err
}

func (r *request) limit() (int, error) {
	n, err := r.number("limit", 1, ports.MaxPage, ports.DefaultPage)
	return int(n), err
}
