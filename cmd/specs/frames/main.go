// Command frames reads examples of asyncapi.json into what Modelina makes of it: frames < DOCUMENT.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/parley-chat/parley/cmd/specs/made/frames"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	var document struct {
		Components struct {
			Messages map[string]struct {
				Examples []struct{ Payload json.RawMessage }
			}
		}
	}
	if err := json.NewDecoder(os.Stdin).Decode(&document); err != nil {
		return err
	}
	for name, into := range map[string]any{
		"client.send": &frames.SendCommand{}, "server.message": &frames.MessageEntry{}, "server.member": &frames.MemberEntry{},
		"server.ok.join": &frames.JoinOk{}, "server.ok.history": &frames.HistoryOk{}, "server.error": &frames.ErrorFrame{},
	} {
		examples := document.Components.Messages[name].Examples
		if len(examples) == 0 {
			return fmt.Errorf("there are no examples of %s", name)
		}
		for _, example := range examples {
			if err := json.Unmarshal(example.Payload, into); err != nil {
				return fmt.Errorf("%s: %s: %w", name, example.Payload, err)
			}
		}
	}
	return nil
}
