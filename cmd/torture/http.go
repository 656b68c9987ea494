package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/parley-chat/parley/cmd/torture/history"
)

// web is the HTTP client: it does not use broken connections again.
var web = &http.Client{Timeout: answerTime, Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 5 * time.Second}}

// post makes a change by HTTP, and returns the answer as a frame. An error means that there was no
// answer.
func (c *client) post(ctx context.Context, n *node, what change) (f frame, err error) {
	method, path, body := http.MethodPost, fmt.Sprintf("/v1/rooms/%s/messages", what.room), map[string]any{"body": what.body}
	switch what.op {
	case "edit":
		method, path = http.MethodPatch, fmt.Sprintf("%s/%d", path, what.target)
	case "delete":
		method, path, body = http.MethodDelete, fmt.Sprintf("%s/%d", path, what.target), nil
	case "react":
		method, path, body = http.MethodPut, fmt.Sprintf("%s/%d/reactions/%s", path, what.target, url.PathEscape(what.emoji)), nil
	}
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			return f, err
		}
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://"+n.addr+path, &in)
	if err != nil {
		return f, err
	}
	q.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if what.key != "" {
		q.Header.Set("Idempotency-Key", what.key)
	}
	answer, err := web.Do(q)
	if err != nil {
		return f, err
	}
	defer answer.Body.Close()
	if answer.StatusCode < 300 {
		f.Type = "ok"
		err = json.NewDecoder(answer.Body).Decode(&f)
		f.Type, f.Duplicate = "ok", answer.StatusCode == http.StatusOK
		return f, err
	}
	var failure struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&failure); err != nil || failure.Error.Code == "" {
		return f, fmt.Errorf("%w: %s", errNoAnswer, answer.Status)
	}
	f.Type, f.Code = "error", failure.Error.Code
	return f, nil
}

// log reads a room's log from after after to its end, and returns its head.
func (c *client) log(ctx context.Context, room string, after int64, each func(history.Record)) (head int64, err error) {
	for {
		page, err := c.page(ctx, room, after)
		if err != nil {
			return 0, err
		}
		for i := range page.Entries {
			after = page.Entries[i].Seq
			each(page.Entries[i].record(history.Stored, room))
		}
		if !page.More || len(page.Entries) == 0 {
			return page.Head, nil
		}
	}
}

type page struct {
	Head    int64   `json:"head"`
	Entries []frame `json:"entries"`
	More    bool    `json:"more"`
}

// page requests a page of a log from one node after the other until one answers.
func (c *client) page(ctx context.Context, room string, after int64) (p page, err error) {
	for range 50 {
		if p, err = c.tryPage(ctx, c.somewhere(), room, after); err == nil {
			return p, nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			break
		}
	}
	return p, fmt.Errorf("read the log of %s: %w", room, err)
}

func (c *client) tryPage(ctx context.Context, n *node, room string, after int64) (p page, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/v1/rooms/%s/entries?after=%d&limit=200", n.addr, room, after), nil)
	if err != nil {
		return p, err
	}
	q.Header.Set("Authorization", "Bearer "+c.token)
	answer, err := web.Do(q)
	if err != nil {
		return p, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return p, fmt.Errorf("%s", answer.Status)
	}
	err = json.NewDecoder(answer.Body).Decode(&p)
	return p, err
}
