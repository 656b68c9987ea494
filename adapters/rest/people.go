package rest

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
)

// users answers with the profiles of the users that the query names, separated by commas. Users
// with a comma in their id can only be asked for by POST.
func (a *API) users(r *request) error {
	var texts []string
	if text := utils.CopyString(r.Query("ids")); text != "" {
		texts = strings.Split(text, ",")
	}
	users, err := wire.ParseUsers(texts)
	if err != nil {
		return err
	}
	return a.profiles(r, users)
}

// askedUsers answers with the profiles of the users that the body names.
func (a *API) askedUsers(r *request) error {
	o, err := r.object()
	if err != nil {
		return err
	}
	users, err := o.Users()
	if err != nil {
		return err
	}
	return a.profiles(r, users)
}

func (a *API) profiles(r *request, users []chat.UserID) error {
	page, err := a.cfg.Profiles.Profiles(r.ctx, r.by, users)
	if err != nil {
		return err
	}
	return r.answer(fiber.StatusOK, wire.AppendAnswer(nil, page))
}

// asked returns the user of the path.
func (r *request) asked() (chat.UserID, error) {
	s, err := r.param("user")
	if err != nil {
		return "", err
	}
	return chat.ParseUserID(s)
}

func (a *API) user(r *request) error {
	user, err := r.asked()
	if err != nil {
		return err
	}
	page, err := a.cfg.Profiles.Profiles(r.ctx, r.by, []chat.UserID{user})
	if err != nil {
		return err
	}
	if len(page.Users) == 0 {
		return chat.Errorf(chat.NotFound, "nothing is known of this user")
	}
	return r.profile(&page.Users[0])
}

// profile answers with a profile, and its version as an entity tag.
func (r *request) profile(p *chat.Profile) error {
	r.Set(fiber.HeaderETag, `"`+strconv.FormatInt(p.Version, 10)+`"`)
	return r.answer(fiber.StatusOK, wire.AppendProfile(nil, p))
}

func (a *API) setUser(r *request) error {
	user, err := r.asked()
	if err != nil {
		return err
	}
	change, err := r.profileChange()
	if err != nil {
		return err
	}
	is, err := a.cfg.Profiles.SetProfile(r.ctx, r.by, user, change)
	if err != nil {
		return err
	}
	return r.profile(&is)
}

func (r *request) profileChange() (change chat.ProfileChange, err error) {
	if change.IfVersion, change.IfThere, err = r.ifMatch(); err != nil {
		return change, err
	}
	o, err := r.object()
	if err != nil {
		return change, err
	}
	if change.Name, err = o.parsed("name", chat.ParseShownName); err != nil {
		return change, err
	}
	if change.Avatar, err = o.parsed("avatar", chat.ParseAvatar); err != nil {
		return change, err
	}
	change.Custom, err = o.Custom()
	return change, err
}

// parsed returns a member that is a text, as parse returns it, or nil if it is missing.
func (o object) parsed(name string, parse func(string) (string, error)) (*string, error) {
	text, err := o.Text(name)
	if err != nil || text == nil {
		return nil, err
	}
	value, err := parse(*text)
	return &value, err
}
