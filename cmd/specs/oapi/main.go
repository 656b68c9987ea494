// Command oapi calls every route by what oapi-codegen makes of openapi.json. $ALICE, $SHOP and
// $ADMIN are tokens of a user, a service and an admin; the service is at $URL.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	api "github.com/parley-chat/parley/cmd/specs/made/oapi"
)

const room = "oapi-codegen"

func main() {
	ctx := context.Background()
	user, service, admin := client(os.Getenv("ALICE")), client(os.Getenv("SHOP")), client(os.Getenv("ADMIN"))
	rooms(ctx, user)
	seq := messages(ctx, user)
	sets(ctx, user, seq)
	members(ctx, user)
	people(ctx, user)
	acting(ctx, service)
	all := ok(admin.ListRoomsWithResponse(ctx, &api.ListRoomsParams{All: new(api.ListRoomsParamsAllTrue)})).JSON200
	check(len(all.Rooms) > 0, all)
	hooks(ctx, user, admin)
	itself(ctx, user)
	archived := ok(user.ArchiveRoomWithResponse(ctx, room, nil)).JSON200
	check(archived.Archived, archived)
}

func client(token string) *api.ClientWithResponses {
	c, err := api.NewClientWithResponses(os.Getenv("URL"), api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	fatal(err)
	return c
}

func rooms(ctx context.Context, c *api.ClientWithResponses) {
	made := created(c.CreateRoomWithResponse(ctx, nil, api.NewRoom{
		Room: room, Members: &[]api.Place{{User: "bob", Role: new("write")}},
	})).JSON201
	check(made.Role == api.RoomRoleModerate && len(*made.Members) == 1 && *(*made.Members)[0].Changed, made)
	changed := ok(c.ChangeRoomWithResponse(ctx, room, nil, api.RoomChange{
		Topic: new("Routes"), Custom: &api.RoomCustom{"n": 1}, MayPin: new(api.SettingRoleWrite),
	})).JSON200
	check(*changed.Topic == "Routes", changed)
	got := ok(c.GetRoomWithResponse(ctx, room, nil)).JSON200
	check((*got.Custom)["n"] == 1.0 && *got.MayPin == api.SettingRoleWrite, got)
	listed := ok(c.ListRoomsWithResponse(ctx, &api.ListRoomsParams{Sort: new("active")})).JSON200
	check(listed.Rooms[0].Room == room, listed)
}

func messages(ctx context.Context, c *api.ClientWithResponses) api.Seq {
	sent := created(c.SendMessageWithResponse(ctx, room, &api.SendMessageParams{IdempotencyKey: new("k1")},
		api.NewMessage{Body: "hello", Meta: &api.Meta{"by": room}})).JSON201
	seq := sent.Seq
	edited := ok(c.EditMessageWithResponse(ctx, room, seq, nil, api.Edit{Body: "good day"})).JSON200
	check(edited.Seq > seq, edited)
	reacted := ok(c.AddReactionWithResponse(ctx, room, seq, "👍", nil)).JSON200
	check(reacted.Changed, reacted)
	got := ok(c.GetMessageWithResponse(ctx, room, seq, nil)).JSON200
	check(*got.Body == "good day" && (*got.Reactions)[0].Count == 1 && (*got.Meta)["by"] == room, got)
	ok(c.RemoveReactionWithResponse(ctx, room, seq, "👍", nil))
	page := ok(c.ListEntriesWithResponse(ctx, room, &api.ListEntriesParams{Limit: new(200)})).JSON200
	last, err := page.Entries[len(page.Entries)-1].ValueByDiscriminator()
	fatal(err)
	reaction, is := last.(api.ReactedEntry)
	check(is && reaction.Target == seq && reaction.Removed, last)
	found := ok(c.SearchMessagesWithResponse(ctx, &api.SearchMessagesParams{Q: new("day"), Room: new(api.RoomID(room)), AtLeast: &reacted.Seq, Limit: new(50)})).JSON200
	check(len(found.Hits) == 1 && found.Hits[0].Seq == seq && found.Hits[0].Marks[0][1] == 8, found)
	results := ok(c.RunBatchWithResponse(ctx, nil, api.Batch{Commands: []api.BatchCommand{
		{Type: "send", Room: room, Body: new("to go"), Key: new("k2")},
		{Type: "set", Room: room, Target: &seq, Set: new("x.batch"), Slot: new("a"), Data: []int{1}},
		{Type: "read", Room: room, Seq: &seq},
	}})).JSON200.Results
	check(len(results) == 3 && results[0].Type == "ok" && results[1].Type == "ok" && results[2].Type == "ok", results)
	gone := ok(c.DeleteMessageWithResponse(ctx, room, *results[0].Seq, nil)).JSON200
	check(gone.Seq > seq, gone)
	streams(ctx, c, page)
	return seq
}

// streams polls: a stream of events would not end.
func streams(ctx context.Context, c *api.ClientWithResponses, known *api.EntryPage) {
	one := ok(c.StreamRoomWithResponse(ctx, room, &api.StreamRoomParams{After: new(int64(0)), Wait: new(20)})).JSON200
	check(len(one.Entries) >= len(known.Entries) && one.Log == *known.Log, one)
	none := ok(c.StreamRoomWithResponse(ctx, room, &api.StreamRoomParams{AfterId: &one.Id, Wait: new(0)})).JSON200
	check(len(none.Entries) == 0 && none.Id == one.Id, none)
	many := ok(c.StreamRoomsWithResponse(ctx, &api.StreamRoomsParams{Rooms: room + "@0", Wait: new(20)})).JSON200
	check(len(many.Entries) == len(one.Entries), many)
	durable := ok(c.ReadDurableStreamWithResponse(ctx, room, &api.ReadDurableStreamParams{Offset: new("-1")}))
	check(len(*durable.JSON200) == len(one.Entries) && durable.HTTPResponse.Header.Get("Stream-Next-Offset") != "", durable.JSON200)
}

func sets(ctx context.Context, c *api.ClientWithResponses, seq api.Seq) {
	pinned := ok(c.PinWithResponse(ctx, room, seq, nil, api.PinWish{})).JSON200
	check(pinned.Changed, pinned)
	pins := ok(c.ListPinsWithResponse(ctx, room, nil)).JSON200
	check(len(pins.Messages) == 1 && pins.Messages[0].Pinned.By == "alice" && (*pins.Messages[0].Sets)[0].Set == "x.batch", pins)
	ok(c.UnpinWithResponse(ctx, room, seq, nil))
	value := api.NewValue{Data: map[string]any{"open": true}}
	ok(c.SetOnMessageWithResponse(ctx, room, seq, "x.state", &api.SetOnMessageParams{Slot: new("a")}, value))
	ok(c.UnsetOnMessageWithResponse(ctx, room, seq, "x.state", &api.UnsetOnMessageParams{Slot: new("a")}))
	ok(c.SetOnRoomWithResponse(ctx, room, "x.state", nil, value))
	held := ok(c.ListSetsWithResponse(ctx, room, nil)).JSON200
	check(len(held.Sets) == 1 && fmt.Sprint(held.Sets[0].Data) == "map[open:true]", held)
	unset := ok(c.UnsetOnRoomWithResponse(ctx, room, "x.state", nil)).JSON200
	check(unset.Changed, unset)
}

func members(ctx context.Context, c *api.ClientWithResponses) {
	results := ok(c.SetMembersWithResponse(ctx, room, nil, api.Places{Set: []api.Place{
		{User: "carol", Role: new("read")}, {User: "carol", Role: new("none")}, {User: "~x", Role: new("read")},
	}})).JSON200.Results
	check(*results[0].Changed && *results[1].Changed && results[2].Error != nil, results)
	var role api.MemberChange
	fatal(role.FromGivenRole(api.GivenRole{Role: api.RoomRoleRead}))
	place := ok(c.SetMemberWithResponse(ctx, room, "bob", nil, role)).JSON200
	check(*place.Role == api.RoomRoleRead, place)
	page := ok(c.ListMembersWithResponse(ctx, room, &api.ListMembersParams{Limit: new(10)})).JSON200
	check(len(page.Members) == 2, page)
	marks := ok(c.ListMarksWithResponse(ctx, room, nil)).JSON200
	check(marks.Room == room, marks)
	done(c.RemoveMemberWithResponse(ctx, room, "bob", nil))
}

func people(ctx context.Context, c *api.ClientWithResponses) {
	set := ok(c.SetUserWithResponse(ctx, "alice", nil, api.ProfileUpdate{
		Name: new("Alice O."), Custom: &api.Custom{"by": room},
	})).JSON200
	got := ok(c.GetUserWithResponse(ctx, "alice")).JSON200
	check(got.V == set.V && *got.Name == "Alice O." && (*got.Custom)["by"] == room, got)
	some := ok(c.GetUsersWithResponse(ctx, &api.GetUsersParams{Ids: "alice,nobody"})).JSON200
	check(len(some.Users) == 1, some)
	many := ok(c.AskUsersWithResponse(ctx, api.ProfileQuery{Ids: []string{"alice", "a,b"}})).JSON200
	check(len(many.Users) == 1 && many.Users[0].Id == "alice", many)
}

// acting has a service speak for a user and for the system.
func acting(ctx context.Context, c *api.ClientWithResponses) {
	results := ok(c.RunBatchWithResponse(ctx, nil, api.Batch{Atomic: new(room), Commands: []api.BatchCommand{
		{Type: "send", Room: room, Body: new("for alice"), Key: new("k3"), As: &api.ActAs{User: new("alice")}},
		{Type: "send", Room: room, Body: new("for nobody"), Key: new("k4"), Silent: new(true), As: &api.ActAs{System: new(api.ActAsSystem(true))}},
	}})).JSON200.Results
	check(len(results) == 2 && results[1].Seq != nil, results)
	got := ok(c.GetMessageWithResponse(ctx, room, *results[1].Seq, &api.GetMessageParams{ParleyAs: new("system")})).JSON200
	check(got.Author.Id == "~system" && *got.Via == "shop" && bool(*got.Silent), got)
}

// itself asks what the service tells of itself.
func itself(ctx context.Context, c *api.ClientWithResponses) {
	ok(c.GetHealthWithResponse(ctx))
	ok(c.GetReadinessWithResponse(ctx))
	document := ok(c.GetOpenAPIWithResponse(ctx)).JSON200
	check((*document)["openapi"] != nil, document)
	ok(c.GetAsyncAPIWithResponse(ctx))
}

// answer is what each call of the client returns.
type answer interface {
	StatusCode() int
	GetBody() []byte
}

func ok[A answer](got A, err error) A      { return of(http.StatusOK, got, err) }
func created[A answer](got A, err error) A { return of(http.StatusCreated, got, err) }
func done[A answer](got A, err error) A    { return of(http.StatusNoContent, got, err) }

func of[A answer](status int, got A, err error) A {
	fatal(err)
	if got.StatusCode() != status {
		log.Fatalf("%T: %d, not %d: %s", got, got.StatusCode(), status, got.GetBody())
	}
	return got
}

func check(right bool, got any) {
	if !right {
		_ = log.Output(2, fmt.Sprintf("got %#v", got))
		os.Exit(1)
	}
}

func fatal(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
