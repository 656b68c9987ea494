// Command oapi has one conversation by what oapi-codegen makes of openapi.json: oapi URL TOKEN.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	api "github.com/parley-chat/parley/cmd/specs/made/oapi"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, token string) error {
	authorize := api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})
	client, err := api.NewClientWithResponses(url, authorize)
	if err != nil {
		return err
	}
	const room = "oapi-codegen"
	made, err := client.CreateRoomWithResponse(ctx, nil, api.NewRoom{Room: room})
	if err != nil || made.JSON201 == nil || made.JSON201.Role != api.RoomRoleModerate {
		return fmt.Errorf("create a room: %v, %w", made, err)
	}
	key := "k1"
	sent, err := client.SendMessageWithResponse(ctx, room, &api.SendMessageParams{IdempotencyKey: &key}, api.NewMessage{Body: "hello"})
	if err != nil || sent.JSON201 == nil {
		return fmt.Errorf("send: %v, %w", sent, err)
	}
	page, err := client.ListEntriesWithResponse(ctx, room, nil)
	if err != nil || page.JSON200 == nil || len(page.JSON200.Entries) == 0 {
		return fmt.Errorf("read: %v, %w", page, err)
	}
	entries := page.JSON200.Entries
	last, err := entries[len(entries)-1].ValueByDiscriminator()
	if err != nil {
		return err
	}
	if said, ok := last.(api.MessageEntry); !ok || said.Body == nil || *said.Body != "hello" || said.Seq != sent.JSON201.Seq {
		return fmt.Errorf("read %#v", last)
	}
	return nil
}
