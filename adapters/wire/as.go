package wire

import "github.com/parley-chat/parley/core/chat"

// As returns the user or system that the body's member as names, or nil if the sender acts for
// themselves.
func (b Body) As() (*chat.As, error) {
	v, ok, err := b.want("as", kindObject, "an object")
	if !ok {
		return nil, err
	}
	return readAs(v)
}

// readAs reads an object that check has passed: a user, perhaps with a name, or the system.
func readAs(v value) (*chat.As, error) {
	whom := Body{}
	if err := members(v.raw, "as", func(name []byte, v value) {
		if v.kind != kindNull {
			whom[string(name)] = v
		}
	}); err != nil {
		return nil, err
	}
	user, err := whom.Text("user")
	if err != nil {
		return nil, inAs(err)
	}
	name, err := whom.Text("name")
	if err != nil {
		return nil, inAs(err)
	}
	system, err := whom.Flag("system")
	switch {
	case err != nil:
		return nil, inAs(err)
	case (user != nil) == (system != nil && *system):
		return nil, errAs
	case user == nil && name != nil:
		return nil, chat.Errorf(chat.Invalid, "as must have a name with a user only")
	case user == nil:
		return &chat.As{User: chat.System}, nil
	}
	as := &chat.As{}
	if as.User, err = chat.ParseUserID(*user); err != nil {
		return nil, inAs(err)
	}
	if name != nil {
		as.Name, err = chat.ParseName(*name)
	}
	return as, inAs(err)
}

var errAs = chat.Errorf(chat.Invalid, `as must be {"user":"…"} or {"system":true}`)

// inAs adds to an error that its member is a member of as.
func inAs(err error) error {
	if err == nil {
		return nil
	}
	e := *chat.AsError(err)
	e.Reason = "as." + e.Reason
	return &e
}
