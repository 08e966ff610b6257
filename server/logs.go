package server

import (
	"context"
	"encoding/json"
)

// logLine is one line of a batch. Ids and time are read leniently: a line that makes no sense must not keep the
// others from being stored, since the client would send the whole batch again and again.
type logLine struct {
	FlowRunID json.RawMessage `json:"flow_run_id"`
	TaskRunID json.RawMessage `json:"task_run_id"`
	Timestamp json.RawMessage `json:"timestamp"`
	Name      *string         `json:"name"`
	Level     *string         `json:"level"`
	Message   *string         `json:"message"`
	Info      json.RawMessage `json:"info"`
}

type writeRunLogsInput struct {
	Logs list[logLine] `json:"logs"`
}

// writeRunLogs stores the lines that name a flow run and, if any, a task run that exist, and leaves out the rest.
func writeRunLogs(ctx context.Context, tx *writeTx, input writeRunLogsInput) (payload, error) {
	flowRuns := known{tx: tx, query: "SELECT count(*), max(tenant_id) FROM flow_run WHERE id = ?", seen: map[string]*string{}}
	taskRuns := known{tx: tx, query: "SELECT count(*), max(tenant_id) FROM task_run WHERE id = ?", seen: map[string]*string{}}
	now := tx.stamp()
	var rows [][]any
	for _, line := range input.Logs {
		flowRun, tenant, err := flowRuns.find(ctx, line.FlowRunID)
		if err != nil {
			return nil, err
		}
		taskRun, _, err := taskRuns.find(ctx, line.TaskRunID)
		if err != nil {
			return nil, err
		}
		if flowRun == nil || taskRun == nil && !isNull(line.TaskRunID) {
			continue
		}
		level := "INFO"
		if line.Level != nil && *line.Level != "" {
			level = *line.Level
		}
		logID, err := newID()
		if err != nil {
			return nil, err
		}
		rows = append(rows, []any{logID, now, now, tenant, flowRun, taskRun, line.time(now), line.Name, level, line.Message, orNull(line.Info)})
	}
	return payload{"success": true}, tx.insert(ctx, "log", logColumns, rows)
}

const logColumns = "id, created, updated, tenant_id, flow_run_id, task_run_id, timestamp, name, level, message, info"

// runLine is a line that the server itself writes to the log of a run. taskRun may be empty.
type runLine struct {
	flowRun, taskRun string
	logger           string
	level, message   string
}

func logRun(ctx context.Context, tx *writeTx, line runLine) error {
	logID, err := newID()
	if err != nil {
		return err
	}
	var tenant, taskRun any
	if err := tx.row(ctx, "SELECT tenant_id FROM flow_run WHERE id = ?", []any{line.flowRun}, &tenant); err != nil {
		return err
	}
	if line.taskRun != "" {
		taskRun = line.taskRun
	}
	now := tx.stamp()
	return tx.insert(ctx, "log", logColumns, [][]any{{
		logID, now, now, tenant, line.flowRun, taskRun, now, line.logger, line.level, line.message, nil,
	}})
}

// time gives when the line was logged, now if it does not say.
func (l logLine) time(now string) string {
	var text string
	if json.Unmarshal(l.Timestamp, &text) != nil {
		return now
	}
	t, err := parseTime(text)
	if err != nil {
		return now
	}
	return formatTime(t)
}

// known looks up rows by id, each id once.
type known struct {
	tx    *writeTx
	query string
	seen  map[string]*string // tenants by id
}

// find gives the id in raw and the tenant of its row; nils if raw is no id of a row.
func (k known) find(ctx context.Context, raw json.RawMessage) (rowID, tenant *string, err error) {
	var text string
	if isNull(raw) || json.Unmarshal(raw, &text) != nil {
		return nil, nil, nil
	}
	parsed, err := parseID(text)
	if err != nil {
		return nil, nil, nil //nolint:nilerr // no id is no row
	}
	tenant, seen := k.seen[parsed]
	if !seen {
		var count int
		if err := k.tx.row(ctx, k.query, []any{parsed}, &count, &tenant); err != nil {
			return nil, nil, err
		}
		if count == 0 {
			return nil, nil, nil
		}
		k.seen[parsed] = tenant
	}
	return &parsed, tenant, nil
}
