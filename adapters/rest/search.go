package rest

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var errNoSearch = chat.Errorf(chat.NotFound, "this service has no search")

// search answers with messages that match the query.
func (a *API) search(r *request) error {
	if a.cfg.Searcher == nil {
		return errNoSearch
	}
	q, err := r.searchQuery()
	if err != nil {
		return err
	}
	page, err := a.cfg.Searcher.Search(r.ctx, r.by, q)
	if err != nil {
		return err
	}
	return r.answer(fiber.StatusOK, wire.AppendAnswer(nil, page))
}

func (r *request) searchQuery() (q ports.Search, err error) {
	q = ports.Search{Text: utils.CopyString(r.Query("q")), Cursor: utils.CopyString(r.Query("cursor"))}
	if q.Has, err = edge.Filter(r.Ctx, "has"); err != nil {
		return q, err
	}
	if q.Room, err = filter(r, "room", chat.ParseRoomID); err != nil {
		return q, err
	}
	if q.Author, err = filter(r, "author", wire.ParseAuthor); err != nil {
		return q, err
	}
	if q.Public, err = edge.Flag(r.Ctx, "public"); err != nil {
		return q, err
	}
	if q.From, err = r.moment("from"); err != nil {
		return q, err
	}
	if q.To, err = r.moment("to"); err != nil {
		return q, err
	}
	least, err := r.number("at_least", 1, int64(chat.MaxSeq), 0)
	if err != nil {
		return q, err
	}
	q.AtLeast = chat.Seq(least)
	limit, err := r.number("limit", 1, ports.MaxHits, ports.DefaultHits)
	q.Limit = int(limit)
	return q, err
}

// moment returns a time of the query, or the zero time if it is missing.
func (r *request) moment(name string) (time.Time, error) {
	return filter(r, name, func(text string) (time.Time, error) { return wire.ParseTime(name, text) })
}
