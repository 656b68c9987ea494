package rest

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (a *API) seekHook(r *request) error {
	id, o, err := r.hookCommand()
	if err != nil {
		return err
	}
	var seek ports.HookSeek
	if seek.Room, err = o.roomOrAll(); err != nil {
		return err
	}
	after, err := o.whole("after", 0, int64(chat.MaxSeq))
	if err != nil {
		return err
	}
	if after != nil {
		seek.After = new(chat.Seq(*after))
	}
	at, err := o.time("at")
	if err != nil {
		return err
	}
	seek.At = value(at)
	if err := a.cfg.Pull.SeekHook(r.ctx, r.by, id, seek); err != nil {
		return err
	}
	r.Status(fiber.StatusNoContent)
	return nil
}

// hookCommand returns the hook that a request names, and its body.
func (r *request) hookCommand() (id chat.HookID, o object, err error) {
	if id, err = r.hookID(); err != nil {
		return "", o, err
	}
	o, err = r.object()
	return id, o, err
}

// roomOrAll returns the room that an object names, or "" if it means all rooms.
func (o object) roomOrAll() (chat.RoomID, error) {
	text, err := o.Text("room")
	if err != nil || text == nil {
		return "", err
	}
	return chat.ParseRoomID(*text)
}

func (a *API) retryHook(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	o, err := r.optionalObject()
	if err != nil {
		return err
	}
	room, err := o.roomOrAll()
	if err != nil {
		return err
	}
	if err := a.cfg.Pull.RetryHook(r.ctx, r.by, id, room); err != nil {
		return err
	}
	r.Status(fiber.StatusNoContent)
	return nil
}

const maxWhy = 200

func (a *API) skipHook(r *request) error {
	id, o, err := r.hookCommand()
	if err != nil {
		return err
	}
	var skip ports.HookSkip
	if skip.Room, err = needed(o, "room", chat.ParseRoomID); err != nil {
		return err
	}
	if skip.To, err = o.Seq("to"); err != nil {
		return err
	}
	if skip.To == 0 {
		return chat.Errorf(chat.Invalid, "to is missing")
	}
	if skip.Why, err = needed(o, "why", parseWhy); err != nil {
		return err
	}
	if err := a.cfg.Pull.SkipHook(r.ctx, r.by, id, skip); err != nil {
		return err
	}
	r.Status(fiber.StatusNoContent)
	return nil
}

// parseWhy returns a reason for the log.
func parseWhy(s string) (string, error) {
	why, err := chat.ParseBody(s)
	if err != nil || len([]rune(why)) > maxWhy || strings.ContainsAny(why, "\n\t") {
		return "", chat.Errorf(chat.Invalid, "why must have 1 to %d characters, in one line", maxWhy)
	}
	return why, nil
}

// behindRoom is a room where a hook is behind.
type behindRoom struct {
	Room    chat.RoomID `json:"room"`
	Seq     chat.Seq    `json:"seq"`
	Head    chat.Seq    `json:"head"`
	Last    chat.Seq    `json:"last,omitempty"`
	Tries   int         `json:"tries"`
	Since   string      `json:"since,omitempty"`
	Next    string      `json:"next,omitempty"`
	Error   string      `json:"error,omitempty"`
	Stalled bool        `json:"stalled"`
}

func (a *API) hookBehind(r *request) error {
	id, err := r.hookID()
	if err != nil {
		return err
	}
	limit, err := r.limit()
	if err != nil {
		return err
	}
	var after chat.RoomID
	if text := utils.CopyString(r.Query("after")); text != "" {
		if after, err = chat.ParseRoomID(text); err != nil {
			return err
		}
	}
	lag, err := a.cfg.Pull.HookBehind(r.ctx, r.by, id, after, limit)
	if err != nil {
		return err
	}
	rooms := make([]behindRoom, len(lag.Rooms))
	for i, l := range lag.Rooms {
		rooms[i] = behindRoom{
			Room: l.Room, Seq: l.Seq, Head: l.Head, Last: l.UpTo, Tries: l.Tries, Since: orNothing(l.Since), Next: orNothing(l.Next), Error: l.Error,
			Stalled: l.Stalled,
		}
	}
	return r.encode(fiber.StatusOK, struct {
		Entries  int64        `json:"entries"`
		Rooms    int          `json:"rooms"`
		Stalled  int          `json:"stalled"`
		OldestMS int64        `json:"oldest_ms"`
		Partial  bool         `json:"partial"`
		Waiting  []behindRoom `json:"waiting"`
		Next     chat.RoomID  `json:"next,omitempty"`
	}{lag.Entries, lag.Count, lag.Stalled, lag.Oldest.Milliseconds(), lag.Partial, rooms, lag.Next})
}

func orNothing(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(wire.TimeLayout)
}
