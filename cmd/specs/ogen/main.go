// Command ogen calls every route by what ogen makes of openapi.json. $ALICE, $SHOP and $ADMIN
// are tokens of a user, a service and an admin; the service is at $URL.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/go-faster/jx"

	api "github.com/parley-chat/parley/cmd/specs/made/ogen"
)

const room = "ogen"

func main() {
	ctx := context.Background()
	user, service, admin := client(os.Getenv("ALICE")), client(os.Getenv("SHOP")), client(os.Getenv("ADMIN"))
	rooms(ctx, user)
	seq := messages(ctx, user)
	sets(ctx, user, seq)
	members(ctx, user)
	people(ctx, user)
	acting(ctx, service)
	all := is[*api.RoomPage](admin.ListRooms(ctx, api.ListRoomsParams{All: api.NewOptAllParam(api.AllParamTrue)}))
	check(len(all.Rooms) > 0, all)
	hooks(ctx, user, admin)
	itself(ctx, user)
	archived := is[*api.GetRoomOKHeaders](user.ArchiveRoom(ctx, api.ArchiveRoomParams{Room: room}))
	check(archived.Response.Archived, archived)
}

// token is what stands in the header.
type token string

func (t token) Bearer(context.Context, api.OperationName) (api.Bearer, error) {
	return api.Bearer{Token: string(t)}, nil
}

func client(t string) *api.Client {
	c, err := api.NewClient(os.Getenv("URL"), token(t))
	fatal(err)
	return c
}

func rooms(ctx context.Context, c *api.Client) {
	made := is[*api.RoomViewHeaders](c.CreateRoom(ctx, &api.NewRoom{
		Room: room, Members: []api.Place{{User: "bob", Role: api.NewOptString("write")}},
	}, api.CreateRoomParams{})).Response
	check(made.Role == api.RoomRoleModerate && len(made.Members) == 1 && made.Members[0].Changed.Value, made)
	is[*api.GetRoomOKHeaders](c.ChangeRoom(ctx, &api.RoomChange{
		Topic: api.NewOptString("Routes"), Custom: api.NewOptRoomCustom(api.RoomCustom{"n": jx.Raw("1")}),
		MayPin: api.NewOptSettingRole(api.SettingRoleWrite),
	}, api.ChangeRoomParams{Room: room}))
	got := is[*api.GetRoomOKHeaders](c.GetRoom(ctx, api.GetRoomParams{Room: room})).Response
	check(got.Topic.Value == "Routes" && string(got.Custom.Value["n"]) == "1" && got.MayPin.Value == api.SettingRoleWrite, got)
	listed := is[*api.RoomPage](c.ListRooms(ctx, api.ListRoomsParams{Sort: api.NewOptString("active")}))
	check(listed.Rooms[0].Room == room, listed)
}

// streams polls: a stream of events would not end.
func streams(ctx context.Context, c *api.Client, known *api.EntryPage) {
	one := is[*api.PolledPage](c.StreamRoom(ctx, api.StreamRoomParams{Room: room, After: api.NewOptInt64(0), Wait: api.NewOptInt(20)}))
	check(len(one.Entries) >= len(known.Entries) && one.Log == known.Log.Value, one)
	none := is[*api.PolledPage](c.StreamRoom(ctx, api.StreamRoomParams{Room: room, AfterID: api.NewOptString(one.ID), Wait: api.NewOptInt(0)}))
	check(len(none.Entries) == 0 && none.ID == one.ID, none)
	many := is[*api.PolledPage](c.StreamRooms(ctx, api.StreamRoomsParams{Rooms: room + "@0", Wait: api.NewOptInt(20)}))
	check(len(many.Entries) == len(one.Entries), many)
	durable := is[*api.DurablePageHeaders](c.ReadDurableStream(ctx, api.ReadDurableStreamParams{Room: room, Offset: api.NewOptString("-1")}))
	check(len(durable.Response) == len(one.Entries) && durable.StreamNextOffset.Value != "", durable)
}

func messages(ctx context.Context, c *api.Client) api.Seq {
	sent := is[*api.SendMessageCreated](c.SendMessage(ctx, &api.NewMessage{Body: "hello", Meta: api.NewOptMeta(api.Meta{"by": jx.Raw(`"ogen"`)})},
		api.SendMessageParams{Room: room, IdempotencyKey: api.NewOptKey("k1")}))
	seq := sent.Response.Seq
	is[*api.Changed](c.EditMessage(ctx, &api.Edit{Body: "good day"}, api.EditMessageParams{Room: room, Seq: seq}))
	reacted := is[*api.ReactionSet](c.AddReaction(ctx, api.AddReactionParams{Room: room, Seq: seq, Emoji: "👍"}))
	check(reacted.Changed, reacted)
	got := is[*api.MessageEntry](c.GetMessage(ctx, api.GetMessageParams{Room: room, Seq: seq}))
	check(got.Body.Value == "good day" && got.Reactions[0].Count == 1 && string(got.Meta.Value["by"]) == `"ogen"`, got)
	is[*api.ReactionSet](c.RemoveReaction(ctx, api.RemoveReactionParams{Room: room, Seq: seq, Emoji: "👍"}))
	page := is[*api.EntryPage](c.ListEntries(ctx, api.ListEntriesParams{Room: room, Limit: api.NewOptInt(200)}))
	reaction, ok := page.Entries[len(page.Entries)-1].GetReactedEntry()
	check(ok && reaction.Target == seq && reaction.Removed, page)
	found := is[*api.SearchPage](c.SearchMessages(ctx, api.SearchMessagesParams{
		Q: api.NewOptString("day"), Room: api.NewOptRoomID(room), AtLeast: api.NewOptSeq(api.Seq(reacted.Seq)), Limit: api.NewOptInt(50),
	}))
	check(len(found.Hits) == 1 && found.Hits[0].Seq == seq && found.Hits[0].Marks[0][1] == 8, found)
	results := is[*api.BatchResults](c.RunBatch(ctx, &api.Batch{Commands: []api.BatchCommand{
		{Type: "send", Room: room, Body: api.NewOptBody("to go"), Key: api.NewOptKey("k2")},
		{Type: "set", Room: room, Target: api.NewOptSeq(seq), Set: api.NewOptString("x.batch"), Slot: api.NewOptSlotName("a"), Data: jx.Raw("[1]")},
		{Type: "read", Room: room, Seq: api.NewOptSeq(seq)},
	}}, api.RunBatchParams{})).Results
	check(len(results) == 3 && results[0].Type == "ok" && results[1].Type == "ok" && results[2].Type == "ok", results)
	is[*api.Changed](c.DeleteMessage(ctx, api.DeleteMessageParams{Room: room, Seq: api.Seq(results[0].Seq.Value)}))
	streams(ctx, c, page)
	return seq
}

func sets(ctx context.Context, c *api.Client, seq api.Seq) {
	pinned := is[*api.SlotSet](c.Pin(ctx, api.OptPinWish{}, api.PinParams{Room: room, Seq: seq}))
	check(pinned.Changed, pinned)
	pins := is[*api.PinPage](c.ListPins(ctx, api.ListPinsParams{Room: room}))
	check(len(pins.Messages) == 1 && pins.Messages[0].Pinned.Value.By == "alice" && pins.Messages[0].Sets[0].Set == "x.batch", pins)
	is[*api.SlotSet](c.Unpin(ctx, api.UnpinParams{Room: room, Seq: seq}))
	value, slot := &api.NewValue{Data: jx.Raw(`{"open":true}`)}, api.NewOptSlotName("a")
	is[*api.SlotSet](c.SetOnMessage(ctx, value, api.SetOnMessageParams{Room: room, Seq: seq, Set: "x.state", Slot: slot}))
	is[*api.SlotSet](c.UnsetOnMessage(ctx, api.UnsetOnMessageParams{Room: room, Seq: seq, Set: "x.state", Slot: slot}))
	is[*api.SlotSet](c.SetOnRoom(ctx, value, api.SetOnRoomParams{Room: room, Set: "x.state"}))
	held := is[*api.SlotList](c.ListSets(ctx, api.ListSetsParams{Room: room}))
	check(len(held.Sets) == 1 && string(held.Sets[0].Data) == `{"open":true}`, held)
	unset := is[*api.SlotSet](c.UnsetOnRoom(ctx, api.UnsetOnRoomParams{Room: room, Set: "x.state"}))
	check(unset.Changed, unset)
}

func members(ctx context.Context, c *api.Client) {
	results := is[*api.PlaceResults](c.SetMembers(ctx, &api.Places{Set: []api.Place{
		{User: "carol", Role: api.NewOptString("read")}, {User: "carol", Role: api.NewOptString("none")}, {User: "~x", Role: api.NewOptString("read")},
	}}, api.SetMembersParams{Room: room})).Results
	check(results[0].Changed.Value && results[1].Changed.Value && results[2].Error.Set, results)
	role := api.NewGivenRoleMemberChange(api.GivenRole{Role: api.RoomRoleRead})
	place := is[*api.Membership](c.SetMember(ctx, role, api.SetMemberParams{Room: room, User: "bob"}))
	check(place.Role.Value == api.RoomRoleRead, place)
	page := is[*api.MemberPage](c.ListMembers(ctx, api.ListMembersParams{Room: room}))
	check(len(page.Members) == 2, page)
	marks := is[*api.RoomMarks](c.ListMarks(ctx, api.ListMarksParams{Room: room}))
	check(marks.Room == room, marks)
	is[*api.RemoveMemberNoContent](c.RemoveMember(ctx, api.RemoveMemberParams{Room: room, User: "bob"}))
}

func people(ctx context.Context, c *api.Client) {
	set := is[*api.ProfileHeaders](c.SetUser(ctx, &api.ProfileUpdate{
		Name: api.NewOptName("Alice O."), Custom: api.NewOptCustom(api.Custom{"n": jx.Raw("1")}),
	}, api.SetUserParams{User: "alice"})).Response
	got := is[*api.ProfileHeaders](c.GetUser(ctx, api.GetUserParams{User: "alice"})).Response
	check(got.V == set.V && got.Name.Value == "Alice O." && string(got.Custom.Value["n"]) == "1", got)
	some := is[*api.ProfilePage](c.GetUsers(ctx, api.GetUsersParams{Ids: "alice,nobody"}))
	check(len(some.Users) == 1, some)
	many := is[*api.ProfilePage](c.AskUsers(ctx, &api.ProfileQuery{Ids: []api.UserID{"alice", "a,b"}}))
	check(len(many.Users) == 1 && many.Users[0].ID == "alice", many)
}

// acting has a service speak for a user and for the system.
func acting(ctx context.Context, c *api.Client) {
	alice, system := api.ActAs{User: api.NewOptString("alice")}, api.ActAs{System: api.NewOptActAsSystem(true)}
	results := is[*api.BatchResults](c.RunBatch(ctx, &api.Batch{Atomic: api.NewOptRoomID(room), Commands: []api.BatchCommand{
		{Type: "send", Room: room, Body: api.NewOptBody("for alice"), Key: api.NewOptKey("k3"), As: api.NewOptActAs(alice)},
		{
			Type: "send", Room: room, Body: api.NewOptBody("for nobody"), Key: api.NewOptKey("k4"),
			Silent: api.NewOptBool(true), As: api.NewOptActAs(system),
		},
	}}, api.RunBatchParams{})).Results
	check(len(results) == 2 && results[1].Seq.Set, results)
	got := is[*api.MessageEntry](c.GetMessage(ctx, api.GetMessageParams{
		Room: room, Seq: api.Seq(results[1].Seq.Value), ParleyAs: api.NewOptString("system"),
	}))
	check(got.Author.ID == "~system" && got.Via.Value == "shop" && bool(got.Silent.Value), got)
}

// itself asks what the service tells of itself.
func itself(ctx context.Context, c *api.Client) {
	_, err := c.GetHealth(ctx)
	fatal(err)
	is[*api.GetReadinessOK](c.GetReadiness(ctx))
	document, err := c.GetOpenAPI(ctx)
	fatal(err)
	check(document["openapi"] != nil, document)
	_, err = c.GetAsyncAPI(ctx)
	fatal(err)
}

// is returns an answer, which must be of one type.
func is[T any](got any, err error) T {
	fatal(err)
	answer, ok := got.(T)
	if !ok {
		_ = log.Output(2, fmt.Sprintf("got %#v, not %T", got, answer))
		os.Exit(1)
	}
	return answer
}

func check(right bool, got any) {
	if !right {
		_ = log.Output(2, fmt.Sprintf("got %+v", got))
		os.Exit(1)
	}
}

func fatal(err error) {
	if err != nil {
		_ = log.Output(2, err.Error())
		os.Exit(1)
	}
}
