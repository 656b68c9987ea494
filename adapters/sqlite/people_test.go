package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
)

// A user who is gone for good has no profile, and gets none again.
func TestWhoIsGoneHasNoProfile(t *testing.T) {
	t.Parallel()
	cfg := sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")}
	store := openStore(t, cfg)
	if _, _, err := store.SetProfile(t.Context(), "bob", chat.ProfileChange{Name: new("Bob")}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE usr SET gone = 1, name = ''`); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Profiles(t.Context(), []chat.UserID{"bob"}); err != nil || len(got) > 0 {
		t.Errorf("profiles are %+v, %v", got, err)
	}
	if _, _, err := store.SetProfile(t.Context(), "bob", chat.ProfileChange{Name: new("Bob")}); !errors.Is(err, chat.Conflict) {
		t.Errorf("set: %v", err)
	}
	if got, err := store.Learn(t.Context(), []chat.Claim{{User: "bob", Name: "Bob", Issued: time.Now().Add(time.Hour)}}); err != nil || len(got) > 0 {
		t.Errorf("learn: %+v, %v", got, err)
	}
}
