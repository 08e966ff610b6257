package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // to fill databases that are too large to make through the API
)

// Runs in the file in which the queue is measured.
const (
	finishedRuns  = 1_000_000
	scheduledRuns = 10_000
)

// queue measures get_runs_in_queue in a database with a long history. One flow run in two is due.
func (b *bench) queue(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp(b.dir, "queue")
	if err != nil {
		return err
	}
	server, err := b.startBackend(ctx, sqlite, dir, loopback)
	if err != nil {
		return err
	}
	tenant, flow, err := server.flow(ctx)
	if err != nil {
		return errors.Join(err, server.stop())
	}
	if err := server.stop(); err != nil {
		return err
	}
	if err := fill(ctx, filepath.Join(dir, "prefect.db"), tenant, flow); err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	if server, err = b.startBackend(ctx, sqlite, dir, loopback); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	agent, err := server.id(ctx, "register_agent", map[string]any{"type": "DockerAgent", "name": "bench", "tenant_id": tenant, "labels": []string{}})
	if err != nil {
		return err
	}
	server.agent = agent
	const query = "mutation($input: get_runs_in_queue_input!) { get_runs_in_queue(input: $input) { flow_run_ids } }"
	ask := func(ctx context.Context, _ int) error {
		data, err := server.ask(ctx, query, map[string]any{"input": map[string]any{
			"tenant_id": tenant, "labels": []string{}, "before": time.Now().Add(10 * time.Second),
		}})
		if err != nil {
			return err
		}
		var found struct {
			IDs []string `json:"flow_run_ids"`
		}
		if err := json.Unmarshal(data["get_runs_in_queue"], &found); err != nil {
			return err
		}
		if len(found.IDs) != 25 {
			return fmt.Errorf("the queue has %d runs, not 25", len(found.IDs))
		}
		return nil
	}
	for _, clients := range []int{1, 4} {
		took, err := repeat(ctx, clients, 10*time.Second, ask)
		if err != nil {
			return err
		}
		aim := ""
		if clients == 1 {
			aim = "5 ms p99"
		}
		b.table.add(row{
			what: fmt.Sprintf("queue with %d k due or scheduled, %d k finished runs; agents asking without pause: %d", scheduledRuns/1000, finishedRuns/1000, clients),
			ours: milliseconds(median(took)) + ", p99 " + milliseconds(quantile(took, 0.99)), aim: aim,
		})
	}
	return nil
}

// fill writes flow runs, each with a task run, straight into the file: a million through the API would take an hour.
func fill(ctx context.Context, path, tenant, flow string) (err error) {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	var task string
	if err := db.QueryRowContext(ctx, "SELECT id FROM task").Scan(&task); err != nil {
		return err
	}
	const (
		numbers = "WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2) "
		stamp   = "strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', 'now', ?5 || (i % 5000 - ?6) || ' seconds')"
	)
	runs := numbers + `INSERT INTO flow_run (id, created, updated, tenant_id, flow_id, name, parameters, labels, context, version, scheduled_start_time,
			start_time, end_time, state, state_timestamp, state_message, state_start_time, serialized_state)
		SELECT printf('%08d-0000-4000-8000-%012d', i, i), ` + stamp + ", " + stamp + `, ?3, ?4, 'run-' || i, '{}', '[]', '{}', 4, ` + stamp + `,
			?8, ?8, ?7, ` + stamp + `, 'All reference tasks succeeded.', CASE WHEN ?7 = 'Scheduled' THEN ` + stamp + ` END,
			'{"type": "' || ?7 || '", "message": "All reference tasks succeeded.", "context": {"tags": []}, "cached_inputs": {}, "_result": {"type": "NoResultType", "__version__": "1.4.1"}, "__version__": "1.4.1"}'
		FROM n`
	taskRuns := numbers + `INSERT INTO task_run (id, created, updated, tenant_id, flow_run_id, task_id, map_index, version, state, state_timestamp, serialized_state)
		SELECT printf('%08d-1111-4000-8000-%012d', i, i), ` + stamp + ", " + stamp + `, ?3, printf('%08d-0000-4000-8000-%012d', i, i), ?4, -1, 3, ?7, ` + stamp + `,
			'{"type": "' || ?7 || '", "message": "Task run succeeded.", "context": {"tags": []}, "cached_inputs": {}, "_result": {"type": "NoResultType", "__version__": "1.4.1"}, "__version__": "1.4.1"}'
		FROM n`
	insert := func(from, to int, state string, before int) error {
		var ended any
		taskState := "Pending"
		if state == "Success" {
			ended, taskState = "2022-01-01T00:00:00.000000+00:00", state
		}
		if _, err := db.ExecContext(ctx, runs, from, to, tenant, flow, "", before, state, ended); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, taskRuns, from, to, tenant, task, "", before, taskState, ended)
		return err
	}
	const chunk = 50_000
	for from := 0; from < finishedRuns; from += chunk {
		if err := insert(from, from+chunk, "Success", 5000); err != nil {
			return err
		}
	}
	return insert(finishedRuns, finishedRuns+scheduledRuns, "Scheduled", 2500)
}
