package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/core/chat"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	const base = "postgres://parley@db:5432/parley"
	for name, test := range map[string]struct {
		cfg      Config
		conns    int32 // 0: not looked at
		settings map[string]string
	}{
		"conns and timeout as given":        {Config{URL: base, MaxConns: 3, Timeout: 2 * time.Second}, 3, map[string]string{"statement_timeout": "2000", "jit": "off"}},
		"conns of the URL":                  {Config{URL: base + "?pool_max_conns=5"}, 5, map[string]string{"statement_timeout": "10000"}},
		"conns given over those of the URL": {Config{URL: base + "?pool_max_conns=5", MaxConns: 6}, 6, nil},
		"settings of the URL":               {Config{URL: base + "?statement_timeout=7&application_name=x"}, 0, map[string]string{"statement_timeout": "7", "application_name": "x"}},
		"no settings for a pooler":          {Config{URL: base + "?default_query_exec_mode=exec"}, 0, map[string]string{"statement_timeout": "", "jit": "", "application_name": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, err := test.cfg.parse()
			if err != nil {
				t.Fatal(err)
			}
			if test.conns != 0 && pool.MaxConns != test.conns {
				t.Errorf("most conns are %d, want %d", pool.MaxConns, test.conns)
			}
			for name, want := range test.settings {
				if got := pool.ConnConfig.RuntimeParams[name]; got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
	t.Run("at least 8 conns", func(t *testing.T) {
		t.Parallel()
		pool, err := Config{URL: base}.parse()
		if err != nil || pool.MaxConns < 8 || pool.ConnConfig.ConnectTimeout != 5*time.Second {
			t.Fatalf("most conns are %d, connect timeout %v, %v", pool.MaxConns, pool.ConnConfig.ConnectTimeout, err)
		}
	})
}

func TestFailure(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want chat.Kind
	}{
		"a deadlock":                    {t.Context(), &pgconn.PgError{Code: "40P01"}, chat.Unavailable},
		"a serialization failure":       {t.Context(), &pgconn.PgError{Code: "40001"}, chat.Unavailable},
		"an unknown resolution":         {t.Context(), &pgconn.PgError{Code: "08007"}, chat.Unavailable},
		"a shutdown":                    {t.Context(), &pgconn.PgError{Code: "57P01"}, chat.Unavailable},
		"a statement's timeout":         {t.Context(), &pgconn.PgError{Code: "57014"}, chat.Unavailable},
		"a full disk":                   {t.Context(), &pgconn.PgError{Code: "53100"}, chat.Unavailable},
		"too many connections":          {t.Context(), &pgconn.PgError{Code: "53300"}, chat.Unavailable},
		"a standby":                     {t.Context(), &pgconn.PgError{Code: "25006"}, chat.Unavailable},
		"a plan that a migration broke": {t.Context(), &pgconn.PgError{Code: "0A000", Routine: "RevalidateCachedQuery"}, chat.Unavailable},
		"what is not supported":         {t.Context(), &pgconn.PgError{Code: "0A000"}, chat.Internal},
		"another feature that is not":   {t.Context(), &pgconn.PgError{Code: "0AXXX"}, chat.Internal},
		"a statement that is none":      {t.Context(), &pgconn.PgError{Code: "42601"}, chat.Internal},
		"a right that is missing":       {t.Context(), &pgconn.PgError{Code: "42501"}, chat.Internal},
		"a table that is not there":     {t.Context(), &pgconn.PgError{Code: "42P01"}, chat.Internal},
		"a column that is not there":    {t.Context(), &pgconn.PgError{Code: "42703"}, chat.Internal},
		"a number that is too large":    {t.Context(), &pgconn.PgError{Code: "22003"}, chat.Internal},
		"text that cannot be kept":      {t.Context(), &pgconn.PgError{Code: "22021"}, chat.Invalid},
		"a damaged index":               {t.Context(), &pgconn.PgError{Code: "XX002"}, chat.Internal},
		"a code that is none":           {t.Context(), &pgconn.PgError{}, chat.Internal},
		"a wrapped one":                 {t.Context(), fmt.Errorf("batch: %w", &pgconn.PgError{Code: "57P01"}), chat.Unavailable},
		"a broken connection":           {t.Context(), io.ErrUnexpectedEOF, chat.Unavailable},
		"a row that cannot be read":     {t.Context(), pgx.ScanArgError{Err: io.EOF}, chat.Internal},
		"a kind of its own":             {ended, chat.Errorf(chat.NotFound, "no room"), chat.NotFound},
		"anything after the context":    {ended, &pgconn.PgError{Code: "42P01"}, chat.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := failure(test.ctx, test.err, "test"); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if err := failure(ended, nil, "test"); err != nil {
		t.Errorf("no error became %v", err)
	}
}
