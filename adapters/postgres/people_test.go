package postgres_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
)

// A user who is gone for good has no profile, and gets none again; what says nothing new is not
// written.
func TestPeopleAreWrittenOnlyForNews(t *testing.T) {
	t.Parallel()
	url := migrated.Copy(t)
	store := open(t, postgres.Config{URL: url})
	for _, user := range []chat.UserID{"bob", "carol"} {
		if _, _, err := store.SetProfile(t.Context(), user, chat.ProfileChange{Name: new("Somebody")}); err != nil {
			t.Fatal(err)
		}
	}
	conn := connect(t, url)
	exec(t, conn, `UPDATE usr SET gone = true, name = '' WHERE user_id = 'bob'`)
	row := func() (version string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), `SELECT string_agg(xmin::text || '/' || xmax::text, ' ' ORDER BY user_id) FROM usr`).Scan(&version); err != nil {
			t.Fatal(err)
		}
		return version
	}
	before := row()
	if got, err := store.Profiles(t.Context(), []chat.UserID{"bob"}); err != nil || len(got) > 0 {
		t.Errorf("profiles are %+v, %v", got, err)
	}
	_, _, err := store.SetProfile(t.Context(), "bob", chat.ProfileChange{Name: new("Bob")})
	mustFail(t, err, chat.Conflict)
	got, err := store.Learn(t.Context(), []chat.Claim{
		{User: "bob", Name: "Bob", Issued: time.Now().Add(time.Hour)}, {User: "carol", Name: "Older", Issued: time.Now().Add(-time.Hour)},
	})
	if err != nil || len(got) > 0 {
		t.Errorf("learn: %+v, %v", got, err)
	}
	if _, changed, err := store.SetProfile(t.Context(), "carol", chat.ProfileChange{Name: new("Somebody")}); err != nil || changed {
		t.Errorf("set: %v, %v", changed, err)
	}
	if after := row(); after != before {
		t.Errorf("rows were written or locked: %s, then %s", before, after)
	}
}
