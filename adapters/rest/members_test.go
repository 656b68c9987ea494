package rest_test

import "testing"

func TestMembers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob, carol := s.as("alice"), s.as("bob"), s.as("carol")
	alice.posts("/v1/rooms", `{"room":"team"}`).is(201, `{"role":"moderate"}`)
	const members = "/v1/rooms/team/members"
	bob.gets(members).fails(404, "not_found", "there is no room team")
	alice.puts(members+"/bob", `{"role":"read"}`).is(200, `{"user":"bob","role":"read","banned":null,"since":"*"}`)
	bob.posts("/v1/rooms/team/messages", `{"body":"hi"}`).fails(403, "forbidden", "this needs the role write in team; yours is read")
	alice.puts(members+"/bob", `{"role":"write","banned":false}`).is(200, `{"role":"write"}`)
	bob.posts("/v1/rooms/team/messages", `{"body":"hi"}`).is(201, `{"seq":3}`)
	bob.puts(members+"/carol", `{"role":"read"}`).fails(403, "forbidden", "this needs the role moderate in team; yours is write")

	alice.puts(members+"/carol", `{"banned":true}`).is(200, `{"user":"carol","banned":true,"role":null}`)
	carol.gets("/v1/rooms/team").fails(403, "forbidden", "you are banned from team")
	alice.puts(members+"/alice", `{"banned":true}`).fails(409, "conflict", "you cannot ban yourself")
	alice.gets(members).is(200, `{"members":[{"user":"alice","role":"moderate"},{"user":"bob","role":"write"},{"user":"carol","banned":true}],"next":null}`)
	bob.gets(members).is(200, `{"members":[{"user":"alice"},{"user":"bob"}],"next":null}`)
	alice.gets(members+"?limit=1").is(200, `{"members":[{"user":"alice"}],"next":"alice"}`)
	alice.gets(members+"?limit=1&after=alice").is(200, `{"members":[{"user":"bob"}],"next":"bob"}`)

	bob.deletes(members+"/alice").fails(403, "forbidden", "this needs the role moderate in team; yours is write")
	alice.deletes(members+"/carol").is(204, "")
	bob.deletes(members+"/bob").is(204, "")
	alice.gets(members).is(200, `{"members":[{"user":"alice"}]}`)
	alice.gets("/v1/rooms/team/entries").is(200, `{"entries":[
		{"type":"member","seq":1,"user":"bob","change":"joined","role":"read"},
		{"type":"member","seq":2,"user":"bob","change":"role","role":"write"},
		{"type":"message","seq":3},
		{"type":"member","seq":4,"user":"carol","change":"banned","role":null},
		{"type":"member","seq":5,"user":"carol","change":"left"},
		{"type":"member","seq":6,"user":"bob","change":"left"}]}`)
}

func TestUsersWithAnyID(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general")
	for escaped, plain := range map[string]string{
		"auth0%7C42": "auth0|42", "a%2Fb": "a/b", "%E7%95%8C%20x": "界 x", "a+b@c.example": "a+b@c.example", "..%2F..": "../..", "100%25": "100%", "...": "...",
	} {
		alice.puts("/v1/rooms/general/members/"+escaped, `{"role":"write"}`).is(200, `{"user":"`+plain+`"}`)
		alice.deletes("/v1/rooms/general/members/"+escaped).is(204, "")
	}
}

func TestTheLastModeratorStays(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice"), s.as("bob")
	alice.has("den")
	const last = "you are the room's last moderator: make somebody else one first"
	alice.deletes("/v1/rooms/den/members/alice").fails(409, "conflict", last)
	alice.puts("/v1/rooms/den/members/alice", `{"role":"read"}`).fails(409, "conflict", last)
	alice.puts("/v1/rooms/den/members/alice", `{"banned":true}`).fails(409, "conflict", "you cannot ban yourself")
	alice.puts("/v1/rooms/den/members/bob", `{"role":"read"}`).is(200, `{"role":"read"}`)
	bob.deletes("/v1/rooms/den/members/bob").is(204, ``)
	alice.puts("/v1/rooms/den/members/bob", `{"role":"moderate"}`).is(200, `{"role":"moderate"}`)
	alice.deletes("/v1/rooms/den/members/alice").is(204, ``)
	bob.deletes("/v1/rooms/den/members/bob").fails(409, "conflict", last)
	s.as("root,admin").deletes("/v1/rooms/den/members/bob").is(204, ``)
}
