package ledger_test

import (
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
)

func TestWhatAMessageComesTo(t *testing.T) {
	t.Parallel()
	const never = "0001-01-01 00:00:00 +0000 UTC"
	said := func(fields string) string {
		return "appended 8: {" + fields + " EditedAt:" + never + " DeletedAt:" + never + " Silent:false Reactions:[] Slots:[]}"
	}
	psst := chat.Message{Body: "psst", Silent: true}
	silent := "appended 8: {Body:psst ReplyTo:0 Meta:[] EditedAt:" + never + " DeletedAt:" + never + " Silent:true Reactions:[] Slots:[]}"
	for8 := func(head chat.Seq) chat.Proposal {
		p := by("bob", chat.Message{Body: "hi"})
		p.IfHead = &head
		return p
	}
	hi := chat.Message{Body: "hi"}
	check(t, []row{
		{name: "everybody writes in a public room", state: tearoom(), p: by("eve", hi), want: said("Body:hi ReplyTo:0 Meta:[]")},
		{name: "members write in a private one", state: tearoom(hidden), p: by("bob", hi), want: said("Body:hi ReplyTo:0 Meta:[]")},
		{name: "others do not know of that", state: tearoom(hidden), p: by("eve", hi), want: "not_found: there is no room tea"},
		{name: "nor those whose token names other rooms", state: tearoom(), p: granted(by("eve", hi), chat.Rights{}), want: "not_found: there is no room tea"},
		{
			name: "a grant to write is enough", state: tearoom(hidden), p: granted(by("eve", hi), chat.Rights{Granted: chat.Write}),
			want: said("Body:hi ReplyTo:0 Meta:[]"),
		},
		{
			name: "but to read is not", state: tearoom(hidden), p: granted(by("eve", hi), chat.Rights{Granted: chat.Read}),
			want: "forbidden: this needs the role write in tea; yours is read",
		},
		{
			name: "a ban beats a grant", state: tearoom(), p: granted(by("dan", hi), chat.Rights{Granted: chat.Moderate}),
			want: "forbidden: you are banned from tea",
		},
		{name: "but no admin", state: tearoom(), p: granted(by("dan", hi), chat.Rights{Admin: true}), want: said("Body:hi ReplyTo:0 Meta:[]")},
		{
			name: "an admin writes in no archive", state: tearoom(archived), p: granted(by("ann", hi), chat.Rights{Admin: true}),
			want: "conflict: the room is archived",
		},
		{
			name: "what is answered may be deleted", state: tearoom(), p: by("bob", chat.Message{Body: "why?", ReplyTo: 2}),
			want: said("Body:why? ReplyTo:2 Meta:[]"),
		},
		{
			name: "and must be a message", state: tearoom(), p: by("bob", chat.Message{Body: "why?", ReplyTo: 3}),
			want: "not_found: there is no such message to reply to",
		},
		{
			name: "what a store adds later is not taken from a proposal", state: tearoom(),
			p: by("bob", chat.Message{
				Body: "hi", Meta: []byte("{}"), EditedAt: noon, DeletedAt: noon, Reactions: []chat.Reaction{{Emoji: "👍", Count: 9}},
				Slots: []chat.Slot{{Type: "x.task"}},
			}),
			want: said("Body:hi ReplyTo:0 Meta:[123 125]"),
		},
		{name: "one for the head that there is goes through", state: tearoom(), p: for8(7), want: said("Body:hi ReplyTo:0 Meta:[]")},
		{name: "one for an earlier head does not", state: tearoom(), p: for8(6), want: "conflict: if_head is 6, but the room's last entry is 7"},
		{name: "nor one for a later head", state: tearoom(), p: for8(8), want: "conflict: if_head is 8, but the room's last entry is 7"},
		{name: "who moderates is silent", state: tearoom(), p: by("ann", psst), want: silent},
		{name: "members are not", state: tearoom(), p: by("bob", psst), want: "forbidden: this needs the role moderate in tea; yours is write"},
		{
			name: "but a service is for them", state: tearoom(), p: granted(by("bob", psst), chat.Rights{Service: true}), want: silent,
		},
		{name: "no meta is nil", state: tearoom(), p: by("bob", chat.Message{Body: "hi", Meta: []byte{}}), want: said("Body:hi ReplyTo:0 Meta:[]")},
	})
}

func TestWhatAnEditComesTo(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{
			name: "another body", state: tearoom(), p: by("bob", chat.Edited{Target: 1, Body: "hi"}),
			want: "appended 8: {Target:1 Body:hi}", saves: "[rewrite {Message:1 Body:hi Deleted:false}]",
		},
		{
			name: "whose message it is the caller knows", state: tearoom(), p: by("eve", chat.Edited{Target: 1, Body: "hi"}),
			want: "appended 8: {Target:1 Body:hi}", saves: "[rewrite {Message:1 Body:hi Deleted:false}]",
		},
		{name: "what is deleted", state: tearoom(), p: by("bob", chat.Edited{Target: 2, Body: "hi"}), want: "conflict: the message is deleted"},
		{name: "what is no message", state: tearoom(), p: by("bob", chat.Edited{Target: 0, Body: "hi"}), want: "not_found: there is no such message"},
	})
}

func TestWhatADeletionComesTo(t *testing.T) {
	t.Parallel()
	needs := "forbidden: this needs the role moderate in tea; yours is write"
	appended, saved := "appended 8: {Target:1}", "[rewrite {Message:1 Body: Deleted:true}]"
	one := chat.Deleted{Target: 1}
	check(t, []row{
		{name: "by its author", state: tearoom(), p: by("bob", one), want: appended, saves: saved},
		{name: "by a moderator", state: tearoom(), p: by("ann", one), want: appended, saves: saved},
		{name: "by an admin", state: tearoom(), p: granted(by("eve", one), chat.Rights{Admin: true}), want: appended, saves: saved},
		{name: "by one who was granted that", state: tearoom(), p: granted(by("eve", one), chat.Rights{Granted: chat.Moderate}), want: appended, saves: saved},
		{name: "by somebody else", state: tearoom(), p: by("eve", one), want: needs},
		{name: "again", state: tearoom(), p: by("bob", chat.Deleted{Target: 2}), want: "unchanged since 3"},
		{name: "again, by somebody else", state: tearoom(), p: by("eve", chat.Deleted{Target: 2}), want: needs},
		{
			name: "by an author who may only read by now", state: tearoom(hidden, member("bob", chat.Read)), p: by("bob", one),
			want: "forbidden: this needs the role write in tea; yours is read",
		},
		{name: "of what is no message", state: tearoom(), p: by("ann", chat.Deleted{Target: 3}), want: "not_found: there is no such message"},
	})
}

func TestWhatAReactionComesTo(t *testing.T) {
	t.Parallel()
	up, party := chat.Reacted{Target: 1, Emoji: "👍"}, chat.Reacted{Target: 1, Emoji: "🎉"}
	down := chat.Reacted{Target: 1, Emoji: "👍", Removed: true}
	limited := func(p chat.Proposal, n int) chat.Proposal { p.Reactions = n; return p }
	check(t, []row{
		{
			name: "the first", state: tearoom(), p: by("bob", up),
			want: "appended 8: {Target:1 Emoji:👍 Removed:false Count:1}", saves: "[reaction 👍 total 1 removed false forget []]",
		},
		{
			name: "a second user's", state: tearoom(has(ledger.Tally{Emoji: "👍", First: 4, Total: 1})), p: by("bob", up),
			want: "appended 8: {Target:1 Emoji:👍 Removed:false Count:2}", saves: "[reaction 👍 total 2 removed false forget []]",
		},
		{
			name: "the same again", state: tearoom(has(ledger.Tally{Emoji: "👍", First: 4, Total: 1, Mine: true, Set: 4})), p: by("bob", up),
			want: "unchanged since 4",
		},
		{
			name: "taken back", state: tearoom(has(ledger.Tally{Emoji: "👍", First: 4, Total: 2, Mine: true, Set: 4})), p: by("bob", down),
			want: "appended 8: {Target:1 Emoji:👍 Removed:true Count:1}", saves: "[reaction 👍 total 1 removed true forget []]",
		},
		{
			name: "taken back again", state: tearoom(has(ledger.Tally{Emoji: "👍", First: 4, Total: 1, Set: 6})), p: by("bob", down),
			want: "unchanged since 6",
		},
		{name: "taken back, and never there", state: tearoom(), p: by("bob", down), want: "unchanged since 0"},
		{
			name: "one more emoji than there may be", state: tearoom(has(ledger.Tally{Emoji: "👍", First: 4, Total: 1})), p: limited(by("bob", party), 1),
			want: "conflict: the message has 1 different reactions, and takes no more",
		},
		{
			name: "one that came back, beyond what there may be", p: limited(by("bob", party), 1), want: "conflict: the message has 1 different reactions, and takes no more",
			state: tearoom(has(ledger.Tally{Emoji: "👍", First: 4, Total: 1}, ledger.Tally{Emoji: "🎉", First: 5})),
		},
		{
			name: "one of those that there are", state: tearoom(has(ledger.Tally{Emoji: "👍", First: 4, Total: 1})), p: limited(by("bob", up), 1),
			want: "appended 8: {Target:1 Emoji:👍 Removed:false Count:2}", saves: "[reaction 👍 total 2 removed false forget []]",
		},
		{
			name: "where nobody reacts any more", state: tearoom(has(ledger.Tally{Emoji: "👍", First: 4})), p: limited(by("bob", party), 1),
			want: "appended 8: {Target:1 Emoji:🎉 Removed:false Count:1}", saves: "[reaction 🎉 total 1 removed false forget []]",
		},
		{
			name: "a new one, where too many are remembered", p: limited(by("bob", party), 1),
			state: tearoom(has(ledger.Tally{Emoji: "c", First: 6}, ledger.Tally{Emoji: "a", First: 4}, ledger.Tally{Emoji: "b", First: 5})),
			want:  "appended 8: {Target:1 Emoji:🎉 Removed:false Count:1}", saves: "[reaction 🎉 total 1 removed false forget [a b]]",
		},
		{
			name: "one that comes again, where too many are remembered", p: limited(by("bob", chat.Reacted{Target: 1, Emoji: "a"}), 1),
			state: tearoom(has(ledger.Tally{Emoji: "a", First: 4}, ledger.Tally{Emoji: "b", First: 5})),
			want:  "appended 8: {Target:1 Emoji:a Removed:false Count:1}", saves: "[reaction a total 1 removed false forget []]",
		},
		{
			name: "written another way", state: tearoom(has(ledger.Tally{Emoji: "❤", First: 4, Total: 1})), p: by("bob", chat.Reacted{Target: 1, Emoji: "❤\ufe0f"}),
			want: "appended 8: {Target:1 Emoji:❤ Removed:false Count:2}", saves: "[reaction ❤ total 2 removed false forget []]",
		},
	})
}

// TestAReactionAmongRowsOfOlderVersions has two rows for a heart: an older version stored each way
// to encode it as an emoji of its own.
func TestAReactionAmongRowsOfOlderVersions(t *testing.T) {
	t.Parallel()
	plain, drawn := ledger.Tally{Emoji: "❤", First: 2, Total: 3}, ledger.Tally{Emoji: "❤\ufe0f", First: 3, Total: 1}
	mine, none := drawn, plain
	mine.Mine, mine.Set, none.Total = true, 9, 0
	heart, back := by("bob", chat.Reacted{Target: 1, Emoji: "❤"}), by("bob", chat.Reacted{Target: 1, Emoji: "❤", Removed: true})
	check(t, []row{
		{name: "who reacts the other way already", state: tearoom(has(plain, mine)), p: heart, want: "unchanged since 9"},
		{
			name: "who takes the other way back", state: tearoom(has(plain, mine)), p: back,
			want: "appended 8: {Target:1 Emoji:❤\ufe0f Removed:true Count:0}", saves: "[reaction ❤\ufe0f total 0 removed true forget []]",
		},
		{
			name: "who is in neither", state: tearoom(has(plain, drawn)), p: heart,
			want: "appended 8: {Target:1 Emoji:❤ Removed:false Count:4}", saves: "[reaction ❤ total 4 removed false forget []]",
		},
		{
			name: "where only the other way is there", state: tearoom(has(none, drawn)), p: heart,
			want: "appended 8: {Target:1 Emoji:❤\ufe0f Removed:false Count:2}", saves: "[reaction ❤\ufe0f total 2 removed false forget []]",
		},
	})
}

func TestWhatAChangeOfAMemberComesTo(t *testing.T) {
	t.Parallel()
	change := func(user chat.UserID, c chat.MemberChange, r chat.Role) chat.MemberChanged {
		return chat.MemberChanged{User: user, Change: c, Role: r}
	}
	last := "conflict: you are the room's last moderator: make somebody else one first"
	admin, grant := chat.Rights{Admin: true}, chat.Rights{Granted: chat.Moderate}
	left := "appended 8: {User:ann Change:left Role:none}"
	leaves := by("ann", change("ann", chat.MemberLeft, 0))
	another := member("eve", chat.Moderate)
	check(t, []row{
		{
			name: "who was nobody joins", state: tearoom(), p: by("ann", change("eve", chat.MemberRole, chat.Read)),
			want: "appended 8: {User:eve Change:joined Role:read}", saves: "[place eve read banned false set 8 since 12:00]",
		},
		{
			name: "a member gets another role", state: tearoom(), p: by("ann", change("bob", chat.MemberJoined, chat.Moderate)),
			want: "appended 8: {User:bob Change:role Role:moderate}", saves: "[place bob moderate banned false set 8 since 12:00]",
		},
		{name: "a role that one has", state: tearoom(), p: by("ann", change("bob", chat.MemberRole, chat.Write)), want: "unchanged since 6"},
		{
			name: "who was banned joins again", state: tearoom(), p: by("ann", change("dan", chat.MemberRole, chat.Read)),
			want: "appended 8: {User:dan Change:joined Role:read}", saves: "[place dan read banned false set 8 since 12:00]",
		},
		{
			name: "a member is banned", state: tearoom(), p: by("ann", change("bob", chat.MemberBanned, chat.Write)),
			want: "appended 8: {User:bob Change:banned Role:none}", saves: "[place bob none banned true set 8 since 12:00]",
		},
		{name: "again", state: tearoom(), p: by("ann", change("dan", chat.MemberBanned, 0)), want: "unchanged since 7"},
		{
			name: "a member leaves", state: tearoom(), p: by("bob", change("bob", chat.MemberLeft, chat.Read)),
			want: "appended 8: {User:bob Change:left Role:none}", saves: "[place bob none banned false set 8 since 12:00 left bob]",
		},
		{
			name: "out of a private room", state: tearoom(hidden), p: granted(by("bob", change("bob", chat.MemberLeft, 0)), chat.Rights{}),
			want: "appended 8: {User:bob Change:left Role:none}", saves: "[place bob none banned false set 8 since 12:00 left bob]",
		},
		{
			name: "a member is sent away", state: tearoom(), p: by("ann", change("bob", chat.MemberLeft, 0)),
			want: "appended 8: {User:bob Change:left Role:none}", saves: "[place bob none banned false set 8 since 12:00 left bob]",
		},
		{
			name: "not by a member", state: tearoom(), p: by("bob", change("ann", chat.MemberLeft, 0)),
			want: "forbidden: this needs the role moderate in tea; yours is write",
		},
		{name: "who has no place leaves what keeps the room theirs", state: tearoom(), p: by("eve", change("eve", chat.MemberLeft, 0)), want: "unchanged since 0", saves: "[left eve]"},
		{name: "nobody leaves a ban", state: tearoom(), p: by("dan", change("dan", chat.MemberLeft, 0)), want: "forbidden: you are banned from the room"},
		{
			name: "not even an admin", state: tearoom(), p: granted(by("dan", change("dan", chat.MemberLeft, 0)), admin),
			want: "forbidden: you are banned from the room",
		},
		{
			name: "a moderator lifts it", state: tearoom(), p: by("ann", change("dan", chat.MemberLeft, 0)),
			want: "appended 8: {User:dan Change:left Role:none}", saves: "[place dan none banned false set 8 since 12:00 left dan]",
		},
		{name: "the last moderator stays", state: tearoom(), p: leaves, want: last},
		{name: "and bans themselves no more", state: tearoom(), p: by("ann", change("ann", chat.MemberBanned, chat.Moderate)), want: last},
		{name: "nor takes a lower role", state: tearoom(), p: by("ann", change("ann", chat.MemberRole, chat.Write)), want: last},
		{name: "but may be told what they are", state: tearoom(), p: by("ann", change("ann", chat.MemberRole, chat.Moderate)), want: "unchanged since 0"},
		{name: "goes where another one is", state: tearoom(another), p: leaves, want: left, saves: "[place ann none banned false set 8 since 12:00 left ann]"},
		{name: "goes as an admin", state: tearoom(), p: granted(leaves, admin), want: left, saves: "[place ann none banned false set 8 since 12:00 left ann]"},
		{name: "goes by a grant", state: tearoom(), p: granted(leaves, grant), want: left, saves: "[place ann none banned false set 8 since 12:00 left ann]"},
		{
			name: "is sent away by an admin", state: tearoom(), p: granted(by("eve", change("ann", chat.MemberLeft, 0)), admin),
			want: left, saves: "[place ann none banned false set 8 since 12:00 left ann]",
		},
		{
			name: "in an archive", state: tearoom(archived), p: by("ann", change("bob", chat.MemberRole, chat.Read)),
			want: "appended 8: {User:bob Change:role Role:read}", saves: "[place bob read banned false set 8 since 12:00]",
		},
	})
}

func TestWhatAChangeOfARoomComesTo(t *testing.T) {
	t.Parallel()
	change := func(c chat.RoomChange, name string) chat.Proposal {
		return by("ann", chat.RoomChanged{Change: c, Name: name})
	}
	check(t, []row{
		{
			name: "another name", state: tearoom(), p: change(chat.RoomRenamed, "Cake"),
			want: "appended 8: {Change:renamed Name:Cake}", saves: `[room "Cake" public true archived false set [8 5 0 0]]`,
		},
		{name: "the name that it has", state: tearoom(), p: change(chat.RoomRenamed, "Tea"), want: "unchanged since 4"},
		{
			name: "hidden", state: tearoom(), p: change(chat.RoomHidden, ""),
			want: "appended 8: {Change:hidden Name:}", saves: `[room "Tea" public false archived false set [4 8 0 0]]`,
		},
		{name: "hidden again", state: tearoom(hidden), p: change(chat.RoomHidden, ""), want: "unchanged since 5"},
		{
			name: "published", state: tearoom(hidden), p: change(chat.RoomPublished, ""),
			want: "appended 8: {Change:published Name:}", saves: `[room "Tea" public true archived false set [4 8 0 0]]`,
		},
		{name: "published again", state: tearoom(), p: change(chat.RoomPublished, ""), want: "unchanged since 5"},
		{
			name: "archived", state: tearoom(), p: change(chat.RoomArchived, ""),
			want: "appended 8: {Change:archived Name:}", saves: `[room "Tea" public true archived true set [4 5 8 0]]`,
		},
		{name: "archived again", state: tearoom(archived), p: change(chat.RoomArchived, ""), want: "unchanged since 0"},
		{
			name: "taken out of the archive", state: tearoom(archived), p: change(chat.RoomUnarchived, ""),
			want: "appended 8: {Change:unarchived Name:}", saves: `[room "Tea" public true archived false set [4 5 8 0]]`,
		},
		{name: "never archived", state: tearoom(), p: change(chat.RoomUnarchived, ""), want: "unchanged since 0"},
	})
}

func TestAnEntrySharesNoMetaWithItsProposal(t *testing.T) {
	t.Parallel()
	meta := []byte(`{"a":1}`)
	p := by("bob", chat.Message{Body: "hi", Meta: meta})
	got, err := ledger.Judge(tearoom(), &p)
	meta[5] = '2'
	if f, ok := got.Entry.Fact.(chat.Message); err != nil || !ok || string(f.Meta) != `{"a":1}` {
		t.Errorf("the entry says %+v, %v", got.Entry.Fact, err)
	}
}
