package sse

import (
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// wish is what a request for a stream or a poll asks for.
type wish struct {
	log     chat.LogID
	cursors cursors // the client's cursors, as far as it names them
	limit   int     // how many of the last entries to begin with if there is no cursor
	polls   bool
	wait    time.Duration // how long a poll waits
}

// maxWait is how long a poll may wait. It is shorter than proxies usually wait for an answer.
const maxWait = 50 * time.Second

// ofRoom reads the wish for the stream of the room in the path.
func (a *Adapter) ofRoom(c *fiber.Ctx) (*wish, error) {
	room, err := roomIn(c)
	if err != nil {
		return nil, err
	}
	after, given, err := edge.Whole(c, "after", 0, int64(chat.MaxSeq))
	if err != nil {
		return nil, err
	}
	at := unknown
	if given {
		at = chat.Seq(after)
	}
	return a.wish(c, []chat.RoomID{room}, []chat.Seq{at})
}

// ofRooms reads the wish for a stream of several rooms.
func (a *Adapter) ofRooms(c *fiber.Ctx) (*wish, error) {
	rooms, after, err := parseRooms(utils.CopyString(c.Query("rooms")), a.cfg.Rooms)
	if err != nil {
		return nil, err
	}
	return a.wish(c, rooms, after)
}

func roomIn(c *fiber.Ctx) (chat.RoomID, error) {
	name, err := url.PathUnescape(utils.CopyString(c.Params("room")))
	if err != nil {
		return "", chat.Errorf(chat.Invalid, "room is badly escaped in the path")
	}
	return chat.ParseRoomID(name)
}

// wish reads what all requests for streams have in common. The id of an event takes precedence over
// the cursors in the URL: a browser repeats the URL unchanged when it reconnects.
func (a *Adapter) wish(c *fiber.Ctx, rooms []chat.RoomID, after []chat.Seq) (*wish, error) {
	if err := edge.Once(c); err != nil {
		return nil, err
	}
	w := &wish{log: a.cfg.Which(), limit: ports.DefaultPage}
	if of := c.Query("log"); of != "" && of != string(w.log) {
		return nil, chat.CursorOfOther(w.log)
	}
	w.cursors = newCursors(w.log, rooms)
	for i, room := range rooms {
		w.cursors.at[w.cursors.find([]byte(room))] = after[i]
	}
	id := strings.TrimSpace(c.Get("Last-Event-ID"))
	if id == "" {
		id = c.Query("after_id")
	}
	if id != "" {
		if err := w.cursors.parse(w.log, utils.CopyString(id)); err != nil {
			return nil, err
		}
	}
	limit, given, err := edge.Whole(c, "limit", 0, ports.MaxPage)
	if err != nil {
		return nil, err
	}
	if given {
		w.limit = int(limit)
	}
	wait, polls, err := edge.Whole(c, "wait", 0, int64(maxWait/time.Second))
	w.polls, w.wait = polls, time.Duration(wait)*time.Second
	return w, err
}

// reads returns the joins for the rooms.
func (w *wish) reads() []ports.Join {
	reads := make([]ports.Join, len(w.cursors.rooms))
	for i, room := range w.cursors.rooms {
		reads[i] = ports.Join{Room: room, Limit: w.limit, Presence: true}
		if at := w.cursors.at[i]; at != unknown {
			reads[i].After = new(at)
		}
	}
	return reads
}
