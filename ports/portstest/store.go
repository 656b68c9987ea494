package portstest

import (
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// StoreUnderTest is what the service needs of a store.
type StoreUnderTest interface {
	ports.Log
	ports.LogIdentity
	ports.Directory
	ports.RoomLists
	ports.People
	ports.Slots
	ports.Revocations
	ports.Hooks
	ports.Checker
}

// StoreOption declares something that not every store has.
type StoreOption func(*storeSuite)

// Shared declares that several handles can use the same data at once, as several processes do.
// again opens one more handle, which shares no cache with first. The suite then races the two.
func Shared(again func(t *testing.T, first StoreUnderTest) StoreUnderTest) StoreOption {
	return func(s *storeSuite) { s.again = again }
}

// Lockable declares that somebody outside the store can hold a room. hold holds one until release
// is called.
func Lockable(hold func(t *testing.T, room chat.RoomID) (release func())) StoreOption {
	return func(s *storeSuite) { s.hold = hold }
}

// Store proves a store against the contracts of ports.Log, ports.LogIdentity, ports.Directory,
// ports.Slots, ports.RoomLists, ports.People, ports.Revocations, ports.Hooks and ports.Checker.
// open is called once. The store need not be empty, as every subtest makes rooms and users of its
// own. open closes what it opened, by t.Cleanup.
func Store(t *testing.T, open func(t *testing.T) StoreUnderTest, options ...StoreOption) {
	t.Helper()
	s := &storeSuite{store: open(t)}
	for _, option := range options {
		option(s)
	}
	groups := []struct {
		name string
		run  func(*storeSuite, *testing.T)
	}{
		{"Append", (*storeSuite).testAppend},
		{"Keys", (*storeSuite).testKeys},
		{"Together", (*storeSuite).testTogether},
		{"Refusals", (*storeSuite).testRefusals},
		{"Sends", (*storeSuite).testSends},
		{"Rights", (*storeSuite).testRights},
		{"Unchanged", (*storeSuite).testUnchanged},
		{"Reactions", (*storeSuite).testReactions},
		{"Sets", (*storeSuite).testSets},
		{"Present form", (*storeSuite).testPresentForm},
		{"Read", (*storeSuite).testRead},
		{"Later kinds", (*storeSuite).testLater},
		{"Text", (*storeSuite).testText},
		{"Rooms", (*storeSuite).testRooms},
		{"Members", (*storeSuite).testMembers},
		{"Marks", (*storeSuite).testMarks},
		{"Paging", (*storeSuite).testPaging},
		{"Lists of rooms", (*storeSuite).testLists},
		{"People", (*storeSuite).testPeople},
		{"Revocations", (*storeSuite).testRevocations},
		{"Hooks", (*storeSuite).testHooks},
		{"Log identity", (*storeSuite).testLogIdentity},
		{"Races", (*storeSuite).testRaces},
		{"Contexts", (*storeSuite).testContexts},
		{"Writing", (*storeSuite).testWriting},
		{"Model", (*storeSuite).testModel},
	}
	if s.hold != nil {
		t.Run("Held", func(t *testing.T) { s.testHeld(t) })
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) { group.run(s, t) })
	}
}

type storeSuite struct {
	store StoreUnderTest
	again func(t *testing.T, first StoreUnderTest) StoreUnderTest // nil: not shared
	plant func(t *testing.T, entry LaterEntry)                    // nil: no later release writes
	hold  func(t *testing.T, room chat.RoomID) (release func())   // nil: nobody can lock a room
}

// sentence is one promise of a contract and the test that tries to break it.
type sentence struct {
	says string
	test func(t *testing.T, r room)
}

// prove runs all sentences in parallel, each in an empty private room of its own without members.
func (s *storeSuite) prove(t *testing.T, sentences []sentence) {
	t.Helper()
	t.Parallel()
	for _, sentence := range sentences {
		t.Run(sentence.says, func(t *testing.T) {
			t.Parallel()
			sentence.test(t, newRoom(t, s.store))
		})
	}
}
