package hooks

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// act does the commands of an answer, in their order. A command that the rules refuse is reported
// and passed over, as it would be refused again. After an error some commands may not be done, and
// the batch is to be sent again. Commands that were done are done only once, by their keys.
func (c *consumer) act(ctx context.Context, b *ports.HookBatch, do []ports.HookCommand) error {
	if c.h.Role == chat.None {
		return nil
	}
	for i, command := range do {
		err := command.Err
		if err == nil {
			err = c.record(ctx, command.Change.WithKey(keyOf(b, i, command.Key)))
		}
		c.s.cfg.Observer.HookActed(b.Hook, err)
		if kind := chat.AsError(err).Kind; err != nil && (kind == chat.Unavailable || kind == chat.Internal || kind == chat.RateLimited) {
			return fmt.Errorf("command %d of the answer: %s", i, chat.AsError(err).Reason)
		}
	}
	return nil
}

// record does one command as the bot. If the bot is over its rate limit, it waits.
func (c *consumer) record(ctx context.Context, change ports.Change) error {
	for {
		_, err := ports.Record(ctx, c.s.cfg.Writer, c.bot, change)
		if !errors.Is(err, chat.RateLimited) {
			return err
		}
		select {
		case <-time.After(max(chat.AsError(err).RetryAfter, 10*time.Millisecond)):
		case <-ctx.Done():
			return err
		}
	}
}

// keyOf returns the key of the n-th command of an answer: its own, or one made from the batch that
// the answer is to.
func keyOf(b *ports.HookBatch, n int, own chat.Key) chat.Key {
	if own != "" {
		return own
	}
	key := fmt.Sprintf("hook/%s/%d", nameOfBatch(b), n)
	if len(key) > chat.MaxKeyChars {
		sum := sha256.Sum256([]byte(key))
		key = "hook/" + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return chat.Key(key)
}
