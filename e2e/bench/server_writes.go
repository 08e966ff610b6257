package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const writing = 6 * time.Second

// states measures state changes of flow runs, from eight clients at once, against what SQLite alone does: one
// transaction with a row and an update of another for each.
func (b *bench) states(ctx context.Context) error { return b.onEach(ctx, b.statesIn) }

// onEach measures on a new server in each database, with a flow of its own.
func (b *bench) onEach(ctx context.Context, measure func(ctx context.Context, in database, server *backend, flow string) error) error {
	for _, in := range databases() {
		if err := b.on(ctx, in, measure); err != nil {
			return fmt.Errorf("%s: %w", in.name, err)
		}
	}
	return nil
}

func (b *bench) on(ctx context.Context, in database, measure func(ctx context.Context, in database, server *backend, flow string) error) (err error) {
	dir, err := os.MkdirTemp(b.dir, "server")
	if err != nil {
		return err
	}
	server, err := b.startBackend(ctx, in, dir, loopback)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	_, flow, err := server.flow(ctx)
	if err != nil {
		return err
	}
	return measure(ctx, in, server, flow)
}

func (b *bench) statesIn(ctx context.Context, in database, server *backend, flow string) (err error) {
	const clients = 8
	var runs [clients]string
	for i := range runs {
		if runs[i], err = server.id(ctx, "create_flow_run", map[string]any{"flow_id": flow}); err != nil {
			return err
		}
	}
	const query = "mutation($input: set_flow_run_states_input!) { set_flow_run_states(input: $input) { states { status id message } } }"
	state := map[string]any{
		"type": "Running", "message": "Running flow.", "context": map[string]any{"tags": []string{}}, "cached_inputs": map[string]any{},
		"_result": map[string]any{"type": "NoResultType", "__version__": "1.4.1"}, "__version__": "1.4.1",
	}
	took, err := repeat(ctx, clients, writing, func(ctx context.Context, client int) error {
		_, err := server.ask(ctx, query, map[string]any{"input": map[string]any{
			"states": []any{map[string]any{"flow_run_id": runs[client], "version": 1, "state": state}},
		}})
		return err
	})
	if err != nil {
		return err
	}
	b.table.add(row{what: "states of flow runs set, 8 clients, " + in.name, ours: perSecond(len(took), writing), aim: "1000/s"})
	b.table.add(row{what: "latency of one", ours: milliseconds(median(took)) + ", p99 " + milliseconds(quantile(took, 0.99))})
	if in.name != sqlite.name {
		return nil
	}
	bare, err := bareTransactions(ctx, b.dir, state)
	if err != nil {
		return err
	}
	rate := float64(len(took)) / writing.Seconds()
	b.table.add(row{what: "against bare transactions of SQLite", ours: fmt.Sprintf("%.2f (%.0f/s)", rate/bare, bare)})
	return nil
}

// bareTransactions gives how many a second there are with the server's settings of SQLite and nothing else.
func bareTransactions(ctx context.Context, dir string, state any) (_ float64, err error) {
	source := url.URL{Scheme: "file", Path: filepath.Join(dir, "bare.db"), RawQuery: "_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	for _, text := range []string{"CREATE TABLE run (id INTEGER PRIMARY KEY, state TEXT)", "CREATE TABLE state (id INTEGER PRIMARY KEY, run INTEGER, state TEXT)", "INSERT INTO run VALUES (1, '')"} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return 0, err
		}
	}
	text, err := json.Marshal(state)
	if err != nil {
		return 0, err
	}
	const length = 2 * time.Second
	count := 0
	for until := time.Now().Add(length); time.Now().Before(until); count++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		_, insertErr := tx.ExecContext(ctx, "INSERT INTO state (run, state) VALUES (1, ?)", string(text))
		_, updateErr := tx.ExecContext(ctx, "UPDATE run SET state = ? WHERE id = 1", string(text))
		if err := errors.Join(insertErr, updateErr, tx.Commit()); err != nil {
			return 0, err
		}
	}
	return float64(count) / length.Seconds(), nil
}

// logs measures log lines in batches, as Prefect's client sends them.
func (b *bench) logs(ctx context.Context) error { return b.onEach(ctx, b.logsIn) }

func (b *bench) logsIn(ctx context.Context, in database, server *backend, flow string) error {
	run, err := server.id(ctx, "create_flow_run", map[string]any{"flow_id": flow})
	if err != nil {
		return err
	}
	const batch, clients = 1000, 4
	lines := make([]any, batch)
	for i := range lines {
		lines[i] = map[string]any{
			"flow_run_id": run, "timestamp": time.Now(), "name": "prefect.bench", "level": "INFO",
			"message": fmt.Sprintf("%d %s", i, strings.Repeat("line ", 20)), "info": map[string]any{"lineno": i, "filename": "flow.py", "process": 1},
		}
	}
	const query = "mutation($input: write_run_logs_input!) { write_run_logs(input: $input) { success } }"
	inner, err := json.Marshal(map[string]any{"input": map[string]any{"logs": lines}})
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": string(inner)})
	if err != nil {
		return err
	}
	took, err := repeat(ctx, clients, writing, func(ctx context.Context, _ int) error {
		_, err := server.post(ctx, body)
		return err
	})
	if err != nil {
		return err
	}
	b.table.add(row{what: fmt.Sprintf("log lines stored, in batches of %d, %d clients, %s", batch, clients, in.name), ours: perSecond(batch*len(took), writing), aim: "20000/s"})
	return nil
}
