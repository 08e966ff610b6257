package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver of the backend's database

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

// readRuns reads the flow runs with their histories from the backend's database.
func readRuns(ctx context.Context, dir string) (runs []runRecord, err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "prefect.db")+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	index := map[string]int{}
	err = each(ctx, db, `SELECT id, name, state, parameters FROM flow_run ORDER BY created, id`, func(scan func(...any) error) error {
		var run runRecord
		var text string
		if err := scan(&run.id, &run.name, &run.state, &text); err != nil {
			return err
		}
		var parameters struct {
			Script script.Script `json:"script"`
		}
		if err := json.Unmarshal([]byte(text), &parameters); err != nil {
			return fmt.Errorf("parameters of run %s: %w", run.id, err)
		}
		run.script = parameters.Script
		index[run.id] = len(runs)
		runs = append(runs, run)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, db, `SELECT flow_run_id, timestamp, state, coalesce(message, '') FROM flow_run_state ORDER BY version`,
		func(scan func(...any) error) error {
			var id, at string
			var s stateRecord
			err := scan(&id, &at, &s.kind, &s.message)
			if err == nil {
				s.at, err = parseTime(at)
			}
			run := &runs[index[id]]
			run.states = append(run.states, s)
			return err
		})
	if err != nil {
		return nil, err
	}
	err = each(ctx, db, `SELECT flow_run_id, timestamp, coalesce(name, ''), coalesce(level, ''), coalesce(message, '')
		FROM log WHERE flow_run_id IS NOT NULL ORDER BY timestamp, id`,
		func(scan func(...any) error) error {
			var id, at string
			var l logRecord
			err := scan(&id, &at, &l.name, &l.level, &l.message)
			if err == nil {
				l.at, err = parseTime(at)
			}
			run := &runs[index[id]]
			run.logs = append(run.logs, l)
			return err
		})
	return runs, err
}

// parseTime reads a time as the database has it.
func parseTime(text string) (time.Time, error) {
	return time.Parse("2006-01-02T15:04:05.000000-07:00", text)
}

// each calls do for each row.
func each(ctx context.Context, db *sql.DB, query string, do func(scan func(...any) error) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
