package wire

import (
	"bytes"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// AppendProfile appends a user's profile to dst, as an object of its own.
func AppendProfile(dst []byte, p *chat.Profile) []byte {
	o := object{dst: append(dst, '{')}
	o.profile(p)
	return append(o.dst, '}')
}

func (o *object) profile(p *chat.Profile) {
	o.text("id", string(p.User))
	if p.Name != "" {
		o.text("name", p.Name)
	}
	if p.Avatar != "" {
		o.text("avatar", p.Avatar)
	}
	if len(p.Custom) > 0 {
		o.raw("custom", p.Custom)
	}
	o.number("v", p.Version)
}

func (o *object) profiles(page *ports.ProfilePage) {
	o.name("users")
	o.dst = append(o.dst, '[')
	for i := range page.Users {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = AppendProfile(o.dst, &page.Users[i])
	}
	o.dst = append(o.dst, ']')
	if len(page.Rest) == 0 {
		return
	}
	o.name("rest")
	o.dst = append(o.dst, '[')
	for i, user := range page.Rest {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = appendString(o.dst, string(user))
	}
	o.dst = append(o.dst, ']')
}

// users returns the users that a frame asks about.
func (f *fields) users() []chat.UserID {
	if !f.has(nameIDs) {
		f.fail(chat.Invalid, "%s is missing", nameTexts[nameIDs])
		return nil
	}
	v, ok := f.want(nameIDs, kindArray, "an array of strings")
	if !ok {
		return nil
	}
	users, err := v.users()
	f.keep(err)
	return users
}

// Users returns the required member ids: 1 to ports.MaxUsers users. Some may be the same.
func (b Body) Users() ([]chat.UserID, error) {
	v, ok, err := b.want("ids", kindArray, "an array of strings")
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, chat.Errorf(chat.Invalid, "ids is missing")
	}
	return v.users()
}

// users reads an array of users.
func (v *value) users() ([]chat.UserID, error) {
	var texts []string
	s := &scanner{data: v.raw, pos: 1}
	for s.space(); !s.take(']'); s.space() {
		one := s.value(1)
		if one.kind != kindString {
			return nil, chat.Errorf(chat.BadRequest, "ids must be an array of strings")
		}
		if texts = append(texts, unquote(one.raw)); len(texts) > ports.MaxUsers {
			break
		}
		s.space()
		s.take(',')
	}
	return ParseUsers(texts)
}

// ParseUsers returns texts as the ids of 1 to ports.MaxUsers users to ask about. The service and
// its bots are allowed too, as they can be authors of entries.
func ParseUsers(texts []string) ([]chat.UserID, error) {
	if len(texts) == 0 || len(texts) > ports.MaxUsers {
		return nil, chat.Errorf(chat.Invalid, "ids must have 1 to %d users", ports.MaxUsers)
	}
	users := make([]chat.UserID, len(texts))
	for i, text := range texts {
		var err error
		if users[i], err = chat.ParseOldUserID(text); err != nil {
			return nil, chat.Errorf(chat.Invalid, "ids has one that is none: %s", chat.AsError(err).Reason)
		}
	}
	return users, nil
}

// Custom returns the member custom, an object of the application's own, or nil if it is missing.
func (b Body) Custom() ([]byte, error) {
	v, ok, err := b.want("custom", kindObject, "an object")
	switch {
	case !ok:
		return nil, err
	case len(v.raw) > chat.MaxCustomBytes:
		return nil, chat.Errorf(chat.Invalid, "custom must have at most %d bytes", chat.MaxCustomBytes)
	case int(v.deepest) > 1+MaxMetaDepth:
		return nil, chat.Errorf(chat.Invalid, "custom must not nest deeper than %d levels", MaxMetaDepth)
	case v.nul:
		return nil, chat.Errorf(chat.Invalid, "custom must not have the character U+0000")
	}
	return bytes.Clone(v.raw), nil
}
