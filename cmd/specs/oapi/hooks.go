package main

import (
	"context"

	api "github.com/parley-chat/parley/cmd/specs/made/oapi"
)

func hooks(ctx context.Context, user, admin *api.ClientWithResponses) {
	pull := new(api.Pull)
	made := created(admin.MakeHookWithResponse(ctx, api.NewHook{
		Kind: pull, Rooms: []string{room}, From: new("start"), Types: &[]string{"message"}, Bot: &api.NewHookBot{Name: new("Bot")},
	})).JSON201
	hook := made.Hook
	all := ok(admin.ListHooksWithResponse(ctx)).JSON200
	check(len(all.Hooks) > 0, all)
	got := ok(admin.GetHookWithResponse(ctx, hook)).JSON200
	check(got.Kind == *pull && got.Secret == nil, got)
	lag := ok(admin.GetHookLagWithResponse(ctx, hook, nil)).JSON200
	check(lag.Entries > 0, lag)
	pulls(ctx, client(*made.Secret), hook)
	seen := ok(user.ListEntriesWithResponse(ctx, room, nil)).JSON200
	last, err := seen.Entries[len(seen.Entries)-1].ValueByDiscriminator()
	fatal(err)
	said, is := last.(api.MessageEntry)
	check(is && said.Author.Name == "Bot" && *said.Body == "I have seen it.", last)

	more := created(user.SendMessageWithResponse(ctx, room, nil, api.NewMessage{Body: "not pulled"})).JSON201
	done(admin.SkipHookWithResponse(ctx, hook, api.HookSkip{Room: room, To: more.Seq, Why: "a test"}))
	done(admin.RetryHookWithResponse(ctx, hook, api.HookRetry{Room: new(room)}))
	done(admin.SeekHookWithResponse(ctx, hook, api.HookPlace{Room: new(room), After: new(int64(1))}))
	changed := ok(admin.ChangeHookWithResponse(ctx, hook, api.HookUpdate{Paused: new(true), Rotate: new(true)})).JSON200
	check(changed.Paused && *changed.Secret != *made.Secret, changed.Paused)
	done(admin.RemoveHookWithResponse(ctx, hook))

	pushed := created(admin.MakeHookWithResponse(ctx, api.NewHook{Url: new("http://127.0.0.1:1/"), Rooms: []string{room}, Ed25519: new(true), Signals: new(true)})).JSON201
	check(len(*pushed.PublicKeys) == 1 && *pushed.Signals, pushed.PublicKeys)
	test := ok(admin.TestHookWithResponse(ctx, pushed.Hook)).JSON200
	check(!test.Ok && *test.Error == "the connection was refused" && test.Status == nil, test)
	done(admin.RemoveHookWithResponse(ctx, pushed.Hook))

	own := created(user.MakeRoomHookWithResponse(ctx, room, api.NewRoomHook{Kind: pull})).JSON201
	listed := ok(user.ListRoomHooksWithResponse(ctx, room)).JSON200
	check(len(listed.Hooks) == 1 && listed.Hooks[0].Hook == own.Hook && *listed.Hooks[0].Room == room, listed)
	done(user.RemoveHookWithResponse(ctx, own.Hook))
}

// pulls takes a batch by the hook's own secret, and has the bot answer.
func pulls(ctx context.Context, c *api.ClientWithResponses, hook string) {
	due := ok(c.PullEntriesWithResponse(ctx, hook, &api.PullEntriesParams{Wait: new(20)})).JSON200
	check(len(due.Batches) == 1 && due.Batches[0].Room == room && len(due.Batches[0].Entries) > 0, due)
	do := []map[string]any{{"type": "send", "body": "I have seen it."}}
	at := ok(c.AckEntriesWithResponse(ctx, hook, api.HookAck{Id: due.Batches[0].Id, Do: &do})).JSON200
	check(at.Seq >= due.Batches[0].Last, at)
}
