package postgres_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// The release before changes hooks, as when one is paused or gets a new secret, and knows nothing
// of their private keys, and of whether they are told signals: both stay as they are.
func TestTheReleaseBeforeLeavesKeysAndSignalsOfHooks(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{URL: migrated.Copy(t)}
	store, db := open(t, cfg), connect(t, cfg.URL)
	made, err := store.MakeHook(t.Context(), ports.Hook{ID: chat.NewHookID(), Kind: ports.HookPush, Secrets: []byte("a"), Keys: []byte("k"), Signals: true}, true)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, `UPDATE hook SET url = '', filter = '{}', secrets = 'b', bot = '', bot_name = '', role = 0, paused = 'gone', from_at = NULL, epoch = 1, version = version + 1
		WHERE id = '`+string(made.ID)+`' AND version = 1`)
	exec(t, db, `INSERT INTO hook (number, id, room_id, kind, url, filter, secrets, bot, bot_name, role, paused, from_at, made_by, granted, made_at, version, epoch)
		VALUES (99, 'later', '', 'push', '', '{}', 'c', '', '', 0, '', NULL, '', false, now(), 1, 0)`)
	all, err := store.AllHooks(t.Context())
	if err != nil || len(all) != 2 || string(all[0].Keys) != "k" || string(all[0].Secrets) != "b" || all[0].Paused != "gone" || all[1].Keys != nil || !all[0].Signals || all[1].Signals {
		t.Errorf("got %+v, %v", all, err)
	}
	all[0].From = time.Time{}
	if changed, err := store.ChangeHook(t.Context(), all[0]); err != nil || string(changed.Keys) != "k" || !changed.Signals {
		t.Errorf("changed: %+v, %v", changed, err)
	}
}
