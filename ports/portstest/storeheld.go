package portstest

import (
	"errors"
	"strings"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// testHeld tests what a store promises if somebody outside the store can lock a room.
func (s *storeSuite) testHeld(t *testing.T) {
	s.prove(t, []sentence{
		{"a room that somebody else holds is left out, and all others are appended to", s.heldIsLeftOut},
		{"what is there to see of a room that is held can be read", s.heldIsRead},
	})
}

func (s *storeSuite) heldIsLeftOut(t *testing.T, r room) {
	held, other, nowhere := r.user("alice"), newRoom(t, r.StoreUnderTest).user("alice"), r.in(someRoom()).user("alice")
	held.says("before")
	for name, batch := range map[string][]chat.Proposal{
		"messages": {
			held.proposes(chat.Message{Body: "one"}), other.proposes(chat.Message{Body: "beside"}),
			nowhere.proposes(chat.Message{Body: "lost"}), held.proposes(chat.Message{Body: "two"}),
		},
		"other facts": {
			held.proposes(chat.Message{Body: "one"}), other.proposes(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Lobby"}),
			nowhere.proposes(chat.Deleted{Target: 1}), held.proposes(chat.Edited{Target: 1, Body: "two"}),
		},
		"groups": append(
			asGroup(1, held.proposes(chat.Message{Body: "one"}), held.proposes(chat.Message{Body: "two"})),
			asGroup(2, other.proposes(chat.Message{Body: "three"}), other.proposes(chat.Message{Body: "four"}))...,
		),
		"that room alone": {held.proposes(chat.Message{Body: "one"})},
	} {
		head := held.stands().Room.Head
		release := s.hold(t, held.room.id)
		for range 2 { // once more while the room is held
			for i, outcome := range r.appendsOnce(batch) {
				switch batch[i].Room {
				case held.room.id:
					if outcome.Status != ports.Held || !errors.Is(outcome.Err, chat.Unavailable) || !strings.Contains(outcome.Err.Error(), string(held.room.id)) {
						t.Errorf("%s: proposal %d to the room that is held gives %s", name, i, showOutcome(outcome))
					}
				case nowhere.room.id:
					r.mustRefuse(outcome, chat.NotFound)
				default:
					if outcome.Status != ports.Appended && outcome.Status != ports.Duplicate {
						t.Errorf("%s: proposal %d to another room gives %s", name, i, showOutcome(outcome))
					}
				}
			}
		}
		mustEqual(t, "head while it is held", held.stands().Room.Head, head)
		release()
		for i, outcome := range r.appends(batch...) {
			if batch[i].Room == held.room.id {
				held.mustBeSeq(outcome, ports.Appended, head+1)
				head++
			}
		}
	}
}

func (s *storeSuite) heldIsRead(t *testing.T, r room) {
	alice := r.user("alice")
	said := alice.says("hi")
	release := s.hold(t, r.id)
	defer release()
	mustBeEntries(t, r.log(""), []chat.Entry{said})
	mustEqual(t, "head", alice.stands().Room.Head, 1)
	if err := r.Check(t.Context()); err != nil {
		t.Errorf("the store is as good as before, and says %v", err)
	}
}
