package rest

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// listedRoom is a room of a sorted list, as one user sees it.
type listedRoom struct {
	room
	ActiveAt string          `json:"active_at,omitempty"` // only in the order of activity
	Last     json.RawMessage `json:"last,omitempty"`      // the last message
}

// sortedRooms answers with the user's rooms in the requested order, each with its last message.
func (a *API) sortedRooms(r *request, limit int) error {
	q, err := r.listQuery(limit)
	if err != nil {
		return err
	}
	page, err := a.cfg.Lists.List(r.ctx, r.by, q)
	if err != nil && !ports.IsPartial(err) {
		return err
	}
	rooms := make([]listedRoom, len(page.Rooms))
	for i, v := range page.Rooms {
		rooms[i].room = view(v.RoomView)
		if !v.Active.IsZero() {
			rooms[i].ActiveAt = v.Active.UTC().Format(wire.TimeLayout)
		}
		if v.Last != nil {
			rooms[i].Last = wire.AppendEntry(nil, v.Last)
		}
	}
	return r.encode(fiber.StatusOK, struct {
		Rooms     []listedRoom `json:"rooms"`
		Next      string       `json:"next,omitempty"`
		Truncated bool         `json:"truncated,omitempty"`
		Lacking   bool         `json:"lacking,omitempty"`
	}{rooms, page.Next, page.Truncated, err != nil})
}

func (r *request) listQuery(limit int) (q ports.ListQuery, err error) {
	q = ports.ListQuery{Limit: limit, Cursor: utils.CopyString(r.Query("cursor"))}
	switch r.Query("sort") {
	case "id":
		q.Sort = ports.SortID
	case "active":
		q.Sort = ports.SortActive
	case "name":
		q.Sort = ports.SortName
	default:
		return q, chat.Errorf(chat.Invalid, "sort must be active, name or id")
	}
	if r.Context().QueryArgs().Has("after") {
		return q, chat.Errorf(chat.Invalid, "after goes without sort; with it the next page has a cursor")
	}
	return q, nil
}
