package main

import (
	"context"
	"net/url"

	"github.com/go-faster/jx"

	api "github.com/parley-chat/parley/cmd/specs/made/ogen"
)

func hooks(ctx context.Context, user, admin *api.Client) {
	pull := api.NewOptHookKind(api.HookKindPull)
	made := is[*api.HookHeaders](admin.MakeHook(ctx, &api.NewHook{
		Kind: pull, Rooms: []api.RoomPattern{room}, From: api.NewOptString("start"), Types: []string{"message"},
		Bot: api.NewOptNewHookBot(api.NewHookBot{Name: api.NewOptName("Bot")}),
	})).Response
	hook := made.Hook
	all := is[*api.HookList](admin.ListHooks(ctx))
	check(len(all.Hooks) > 0, all)
	got := is[*api.Hook](admin.GetHook(ctx, api.GetHookParams{Hook: hook}))
	check(got.Kind == api.HookKindPull && !got.Secret.Set, got)
	lag := is[*api.HookLag](admin.GetHookLag(ctx, api.GetHookLagParams{Hook: hook}))
	check(lag.Entries > 0, lag)
	pulls(ctx, client(made.Secret.Value), hook)
	seen := is[*api.EntryPage](user.ListEntries(ctx, api.ListEntriesParams{Room: room}))
	said, ok := seen.Entries[len(seen.Entries)-1].GetMessageEntry()
	check(ok && said.Author.Name == "Bot" && said.Body.Value == "I have seen it.", seen)

	more := is[*api.SendMessageCreated](user.SendMessage(ctx, &api.NewMessage{Body: "not pulled"}, api.SendMessageParams{Room: room}))
	is[*api.SkipHookNoContent](admin.SkipHook(ctx, &api.HookSkip{Room: room, To: more.Response.Seq, Why: "a test"}, api.SkipHookParams{Hook: hook}))
	is[*api.RetryHookNoContent](admin.RetryHook(ctx, api.NewOptHookRetry(api.HookRetry{Room: api.NewOptRoomID(room)}), api.RetryHookParams{Hook: hook}))
	place := &api.HookPlace{Room: api.NewOptRoomID(room), After: api.NewOptInt64(1)}
	is[*api.SeekHookNoContent](admin.SeekHook(ctx, place, api.SeekHookParams{Hook: hook}))
	update := &api.HookUpdate{Paused: api.NewOptBool(true), Rotate: api.NewOptBool(true)}
	changed := is[*api.Hook](admin.ChangeHook(ctx, update, api.ChangeHookParams{Hook: hook}))
	check(changed.Paused && changed.Secret.Value != made.Secret.Value, changed.Paused)
	is[*api.RemoveHookNoContent](admin.RemoveHook(ctx, api.RemoveHookParams{Hook: hook}))

	nowhere, err := url.Parse("http://127.0.0.1:1/")
	fatal(err)
	pushed := is[*api.HookHeaders](admin.MakeHook(ctx, &api.NewHook{
		URL: api.NewOptURI(*nowhere), Rooms: []api.RoomPattern{room}, Ed25519: api.NewOptBool(true), Signals: api.NewOptBool(true),
	})).Response
	check(len(pushed.PublicKeys) == 1 && pushed.Signals.Value, pushed.PublicKeys)
	test := is[*api.HookTest](admin.TestHook(ctx, api.TestHookParams{Hook: pushed.Hook}))
	check(!test.Ok && test.Error.Value == "the connection was refused" && !test.Status.Set, test)
	is[*api.RemoveHookNoContent](admin.RemoveHook(ctx, api.RemoveHookParams{Hook: pushed.Hook}))

	own := is[*api.HookHeaders](user.MakeRoomHook(ctx, &api.NewRoomHook{Kind: pull}, api.MakeRoomHookParams{Room: room})).Response
	listed := is[*api.HookList](user.ListRoomHooks(ctx, api.ListRoomHooksParams{Room: room}))
	check(len(listed.Hooks) == 1 && listed.Hooks[0].Hook == own.Hook && listed.Hooks[0].Room.Value == room, listed)
	is[*api.RemoveHookNoContent](user.RemoveHook(ctx, api.RemoveHookParams{Hook: own.Hook}))
}

// pulls takes a batch by the hook's own secret, and has the bot answer.
func pulls(ctx context.Context, c *api.Client, hook api.HookID) {
	due := is[*api.BatchList](c.PullEntries(ctx, api.PullEntriesParams{Hook: hook, Wait: api.NewOptInt(20)}))
	check(len(due.Batches) == 1 && due.Batches[0].Room == room && len(due.Batches[0].Entries) > 0, due)
	do := []api.HookAckDoItem{{"type": jx.Raw(`"send"`), "body": jx.Raw(`"I have seen it."`)}}
	at := is[*api.HookSeq](c.AckEntries(ctx, &api.HookAck{ID: due.Batches[0].ID, Do: do}, api.AckEntriesParams{Hook: hook}))
	check(at.Seq >= int64(due.Batches[0].Last), at)
}
