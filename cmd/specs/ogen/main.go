// Command ogen has one conversation by what ogen makes of openapi.json: ogen URL TOKEN.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	api "github.com/parley-chat/parley/cmd/specs/made/ogen"
)

func main() {
	if err := run(context.Background(), os.Args[1], token(os.Args[2])); err != nil {
		log.Fatal(err)
	}
}

// token is what stands in the header.
type token string

func (t token) Bearer(context.Context, api.OperationName) (api.Bearer, error) {
	return api.Bearer{Token: string(t)}, nil
}

func run(ctx context.Context, url string, t token) error {
	client, err := api.NewClient(url, t)
	if err != nil {
		return err
	}
	const room = "ogen"
	made, err := client.CreateRoom(ctx, &api.NewRoom{Room: room}, api.CreateRoomParams{})
	if err != nil {
		return err
	}
	if _, ok := made.(*api.RoomViewHeaders); !ok {
		return fmt.Errorf("create a room: %#v", made)
	}
	sent, err := client.SendMessage(ctx, &api.NewMessage{Body: "hello"}, api.SendMessageParams{Room: room})
	if err != nil {
		return err
	}
	if _, ok := sent.(*api.SendMessageCreated); !ok {
		return fmt.Errorf("send: %#v", sent)
	}
	read, err := client.ListEntries(ctx, api.ListEntriesParams{Room: room})
	if err != nil {
		return err
	}
	page, ok := read.(*api.EntryPage)
	if !ok || len(page.Entries) == 0 {
		return fmt.Errorf("read: %#v", read)
	}
	last := page.Entries[len(page.Entries)-1]
	if said, ok := last.GetMessageEntry(); !ok || said.Body.Value != "hello" {
		return fmt.Errorf("read %#v", last)
	}
	return nil
}
