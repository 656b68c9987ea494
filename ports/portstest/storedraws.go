package portstest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/core/chat"
)

// maxReactions bounds the different emoji on a message of the model, so that the third is one too
// many.
const maxReactions = 2

func drawProposal(t *rapid.T, r room) chat.Proposal {
	p := drawUnbounded(t, r)
	p.Reactions = maxReactions
	if rapid.IntRange(0, 7).Draw(t, "conditional") == 0 {
		head := chat.Seq(rapid.IntRange(0, 12).Draw(t, "if_head"))
		p.IfHead = &head
	}
	return p
}

func drawUnbounded(t *rapid.T, r room) chat.Proposal {
	by := r.user(fmt.Sprint("u", rapid.IntRange(0, 3).Draw(t, "author")))
	if rapid.IntRange(0, 3).Draw(t, "keyed") == 0 {
		return by.proposesAs(chat.Key(fmt.Sprint("k", rapid.IntRange(0, 5).Draw(t, "key"))), drawFact(t, r))
	}
	return by.proposes(drawFact(t, r))
}

func drawFact(t *rapid.T, r room) chat.Fact {
	target := chat.Seq(rapid.IntRange(0, 12).Draw(t, "target"))
	body := rapid.SampledFrom([]string{"one", "two", "three"}).Draw(t, "body")
	switch rapid.IntRange(0, 13).Draw(t, "sort") {
	case 11, 12:
		data := rapid.SampledFrom([]string{"", "", `1`, `"two"`}).Draw(t, "data")
		slot := rapid.SampledFrom([]string{"", "a"}).Draw(t, "slot")
		return setOf(rapid.SampledFrom([]chat.SetType{"x.a", "x.b"}).Draw(t, "type"), target, slot, data)
	case 13:
		return setOf(chat.RoomTopic, 0, "", rapid.SampledFrom([]string{"", `"a"`, `"b"`}).Draw(t, "topic"))
	case 0, 1, 2:
		return chat.Message{Body: body}
	case 3:
		return chat.Message{Body: body, Silent: true}
	case 4:
		return chat.Message{Body: body, ReplyTo: target}
	case 5:
		return chat.Edited{Target: target, Body: body}
	case 6:
		return chat.Deleted{Target: target}
	case 7, 8:
		emoji := rapid.SampledFrom([]string{"👍", "🎉", "❤", "❤\ufe0f"}).Draw(t, "emoji")
		return chat.Reacted{Target: target, Emoji: emoji, Removed: rapid.Bool().Draw(t, "removed")}
	case 9:
		fact := chat.MemberChanged{User: r.user(fmt.Sprint("u", rapid.IntRange(0, 3).Draw(t, "member"))).id}
		fact.Change = rapid.SampledFrom([]chat.MemberChange{chat.MemberJoined, chat.MemberRole, chat.MemberLeft, chat.MemberBanned}).Draw(t, "change")
		if fact.Change == chat.MemberJoined || fact.Change == chat.MemberRole {
			fact.Role = chat.Role(rapid.IntRange(1, 3).Draw(t, "role"))
		}
		return fact
	default:
		fact := chat.RoomChanged{Change: rapid.SampledFrom([]chat.RoomChange{
			chat.RoomRenamed, chat.RoomPublished, chat.RoomHidden, chat.RoomArchived, chat.RoomUnarchived, chat.RoomUnarchived,
		}).Draw(t, "change")}
		if fact.Change == chat.RoomRenamed {
			fact.Name = body
		}
		return fact
	}
}
