package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

const (
	queueWindow = 75 // runs that are looked at (Server: three times the limit)
	queueLimit  = 25 // runs that are returned
)

type getRunsInQueueInput struct {
	TenantID id           `json:"tenant_id"`
	Before   *moment      `json:"before"`
	Labels   list[string] `json:"labels"`
}

// getRunsInQueue names the flow runs that are due and meant for an agent with the given labels, those due longest
// first: runs that wait, and after them running ones with a task run that waits. Nothing is taken out of the queue; a
// run leaves it when an agent sets it Submitted.
func getRunsInQueue(ctx context.Context, c *call) (any, error) {
	var input getRunsInQueueInput
	if err := c.decode("input", &input); err != nil {
		return nil, err
	}
	before := c.store.now()
	if input.Before != nil {
		before = input.Before.Time
	}
	runs, err := c.store.dueRuns(ctx, string(input.TenantID), before, input.Labels)
	if err != nil {
		return nil, err
	}
	if agent, err := parseID(c.headers.Get("X-PREFECT-AGENT-ID")); err == nil {
		err := c.store.write(ctx, func(ctx context.Context, tx *writeTx) error {
			_, err := tx.exec(ctx, "UPDATE agent SET last_queried = ?1, updated = ?1 WHERE id = ?2", tx.stamp(), agent)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return payload{"flow_run_ids": runs}, nil
}

// dueRunsQuery finds what is due. The conditions on state are those of the partial indexes flow_run_queue and
// task_run_queue, which keep it fast however many runs have finished. The coalesce keeps SQLite from finding all
// running flow runs first.
const dueRunsQuery = `
	SELECT id, labels FROM (
		SELECT * FROM (
			SELECT 1 AS turn, id, labels, state_start_time AS due FROM flow_run
			WHERE tenant_id = ?1 AND ` + waitingKinds + ` AND state_start_time <= ?2
			ORDER BY state_start_time LIMIT ?3) AS waiting_flow_runs
		UNION ALL
		SELECT * FROM (
			SELECT 2 AS turn, flow_run.id, flow_run.labels, min(waiting.state_start_time) AS due
			FROM (SELECT flow_run_id, state_start_time FROM task_run
				WHERE ` + waitingKinds + ` AND state_start_time <= ?2) AS waiting
			JOIN flow_run ON flow_run.id = waiting.flow_run_id
			WHERE flow_run.tenant_id = ?1 AND coalesce(flow_run.state, '') = 'Running'
			GROUP BY flow_run.id
			ORDER BY due LIMIT ?3) AS with_waiting_task_runs) AS due_runs
	ORDER BY turn, due LIMIT ?3`

// dueRuns applies the rule for labels to the first runs that are due: an agent needs all labels of a run, and one
// that has labels gets no run without.
func (s *store) dueRuns(ctx context.Context, tenant string, before time.Time, agentLabels []string) ([]string, error) {
	rows, err := s.query(ctx, s.db.statement(dueRunsQuery), []any{tenant, formatTime(before), queueWindow})
	if err != nil {
		return nil, err
	}
	due := []string{}
	err = eachRow(rows, func(scan func(...any) error) error {
		var run, text string
		if err := scan(&run, &text); err != nil {
			return err
		}
		var labels []string
		if err := json.Unmarshal([]byte(text), &labels); err != nil {
			return fmt.Errorf("read labels of flow run %s: %w", run, err)
		}
		if len(due) < queueLimit && isFor(labels, agentLabels) {
			due = append(due, run)
		}
		return nil
	})
	return due, err
}

func isFor(runLabels, agentLabels []string) bool {
	if len(runLabels) == 0 {
		return len(agentLabels) == 0
	}
	return !slices.ContainsFunc(runLabels, func(label string) bool { return !slices.Contains(agentLabels, label) })
}
