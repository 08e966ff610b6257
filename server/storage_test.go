package server

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestADatabaseKeepsItsContent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "a b?c#d%20")
	first, err := Open(t.Context(), Options{DataDir: dir})
	assert.NilError(t, err)
	var tenant string
	assert.NilError(t, first.store.row(t.Context(), "SELECT id FROM tenant", nil, &tenant))
	assert.NilError(t, first.Close())
	assert.NilError(t, first.Close()) // again, to no effect

	entries, err := os.ReadDir(dir)
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 1, "only the database is left: %v", entries)
	info, err := os.Stat(dir)
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o700))

	second := openAPI(t, Options{DataDir: dir})
	assert.Equal(t, second.tenant(), tenant)
}

func TestSettingsOfTheDatabase(t *testing.T) {
	onlySQLite(t)
	a := newAPI(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "1", "busy_timeout": "5000"} {
		var reader, writer string
		assert.NilError(t, a.server.store.row(t.Context(), "PRAGMA "+pragma, nil, &reader))
		assert.NilError(t, a.server.store.db.(*sqliteDatabase).conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&writer))
		assert.Check(t, is.Equal(reader, want), pragma)
		assert.Check(t, is.Equal(writer, want), pragma)
	}
	_, err := a.server.store.db.reader().ExecContext(t.Context(), "DELETE FROM tenant")
	assert.ErrorContains(t, err, "readonly")
}

func TestDatabasesThatCannotBeOpened(t *testing.T) {
	newer := newAPI(t)
	newer.sql("INSERT INTO schema_version VALUES (99, 'x')")
	_, err := Open(t.Context(), newer.place)
	assert.ErrorContains(t, err, "it was written by a newer docker prefect: its tables have version 99, this one knows ")
	assert.ErrorContains(t, err, "; update docker prefect or choose another database")

	file := filepath.Join(t.TempDir(), "file")
	assert.NilError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(t.Context(), Options{DataDir: file})
	assert.ErrorContains(t, err, "create data directory")

	garbage := t.TempDir()
	assert.NilError(t, os.WriteFile(filepath.Join(garbage, databaseFile), []byte(strings.Repeat("no database ", 1000)), 0o600))
	_, err = Open(t.Context(), Options{DataDir: garbage})
	assert.ErrorContains(t, err, "file is not a database")
}

func TestServeFinishesItsRequests(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server, err := Open(ctx, newPlace(t))
	assert.NilError(t, err)
	inside, release := make(chan struct{}), make(chan struct{})
	next := server.handler
	server.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Slow") != "" {
			close(inside)
			<-release
		}
		next.ServeHTTP(w, r)
	})
	var listeners []net.Listener
	for range 2 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		assert.NilError(t, err)
		listeners = append(listeners, listener)
	}
	served := make(chan error)
	go func() { served <- server.Serve(ctx, listeners...) }()
	ask := func(listener net.Listener, slow string) (int, error) {
		request, err := http.NewRequest(http.MethodPost, "http://"+listener.Addr().String(), strings.NewReader(`{"query": "{ hello tenant { id } }"}`))
		assert.NilError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Slow", slow)
		response, err := (&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	for _, listener := range listeners {
		status, err := ask(listener, "")
		assert.NilError(t, err)
		assert.Equal(t, status, http.StatusOK)
	}
	answered := make(chan int)
	go func() {
		status, err := ask(listeners[0], "yes")
		assert.Check(t, err)
		answered <- status
	}()
	<-inside
	stop()
	for { // no further request is taken
		if _, err := ask(listeners[1], ""); err != nil {
			break
		}
	}
	select {
	case err := <-served:
		t.Fatalf("did not wait for the request: %v", err)
	default:
	}
	close(release)
	assert.Equal(t, <-answered, http.StatusOK)
	assert.NilError(t, <-served)
	assert.ErrorContains(t, server.store.ping(context.Background()), "closed")
}

func TestServeFailsWithAListener(t *testing.T) {
	server, err := Open(t.Context(), newPlace(t))
	assert.NilError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	assert.NilError(t, listener.Close())
	assert.ErrorContains(t, server.Serve(t.Context(), listener), "serve on "+listener.Addr().String())
}

func TestATransactionThatFailsLeavesNothing(t *testing.T) {
	a := newAPI(t)
	insert := func(ctx context.Context, tx *writeTx) error {
		_, err := insertTenant(ctx, tx, "x", "x")
		return err
	}
	s := a.server.store
	assert.ErrorContains(t, s.write(t.Context(), func(ctx context.Context, tx *writeTx) error {
		assert.NilError(t, insert(ctx, tx))
		return refuse("no")
	}), "no")
	func() {
		defer func() { assert.Check(t, recover() == "defect") }()
		_ = s.write(t.Context(), func(ctx context.Context, tx *writeTx) error {
			assert.NilError(t, insert(ctx, tx))
			panic("defect")
		})
	}()
	assert.Check(t, is.Len(a.read("{ tenant { id } }")["tenant"], 1))

	// Who gives up while others write does not write at all; who has begun finishes.
	ctx, stop := context.WithCancel(t.Context())
	assert.NilError(t, s.write(ctx, func(inner context.Context, tx *writeTx) error {
		stop()
		assert.ErrorIs(t, s.write(ctx, insert), context.Canceled)
		return insert(inner, tx)
	}))
	assert.Check(t, is.Len(a.read("{ tenant { id } }")["tenant"], 2))
}
