package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	resurrections  = 3   // attempts to reschedule a flow run
	lazarusAtATime = 500 // flow runs in one pass
)

// isDead finds flow runs that were submitted or running and whose heartbeat is stale. Those with a task run
// that is executed or will be are not dead: the zombie killer and the queue look after them. Nor are those of which an
// agent has just submitted a task run, for a process that has yet to be heard; Server would run these twice.
const isDead = `flow_run.state IN ('Running', 'Submitted') AND flow_run.heartbeat <= ?1
		AND NOT EXISTS (SELECT 1 FROM task_run WHERE task_run.flow_run_id = flow_run.id
			AND (task_run.state IN ('Scheduled', 'Paused', 'Resume', 'Retrying', 'Running', 'Cancelling')
				OR task_run.state = 'Submitted' AND task_run.state_timestamp > ?1))`

const deadFlowRunsQuery = `SELECT flow_run.id, coalesce(flow_group.settings, '{}')
	FROM flow_run JOIN flow ON flow.id = flow_run.flow_id JOIN flow_group ON flow_group.id = flow.flow_group_id
	WHERE ` + isDead + ` ORDER BY flow_run.updated`

// rescheduleDeadFlowRuns is a pass of Lazarus (Server, services/towel/lazarus.py).
func (s *store) rescheduleDeadFlowRuns(ctx context.Context, cutoff time.Time) error {
	dead, err := s.watched(ctx, deadFlowRunsQuery, []any{formatTime(cutoff)}, lazarusAtATime, "heartbeat_enabled", "lazarus_enabled")
	if err != nil {
		return err
	}
	for _, flowRun := range dead {
		if err := s.write(ctx, func(ctx context.Context, tx *writeTx) error { return rescheduleDead(ctx, tx, flowRun, cutoff) }); err != nil {
			s.log.Error("A dead flow run could not be rescheduled", "flow_run", flowRun, "error", err)
		}
	}
	return nil
}

// rescheduleDead gives a dead flow run another chance, or fails it after the last. It looks again: the run may have
// come back to life, or another server been faster.
func rescheduleDead(ctx context.Context, tx *writeTx, flowRun string, cutoff time.Time) error {
	var attempts int64
	err := tx.row(ctx, "SELECT coalesce(times_resurrected, 0) FROM flow_run WHERE "+isDead+" AND id = ?2 FOR UPDATE",
		[]any{formatTime(cutoff), flowRun}, &attempts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	const logger = "prefect-server.Lazarus.FlowRun"
	if attempts >= resurrections {
		message := fmt.Sprintf("A Lazarus process attempted to reschedule this run %d times without success. Marking as failed.", resurrections)
		if err := setFlowRunState(ctx, tx, flowRun, newState("Failed", message)); err != nil {
			return err
		}
		return logRun(ctx, tx, runLine{flowRun: flowRun, logger: logger, level: "ERROR", message: message})
	}
	attempts++
	if err := setFlowRunState(ctx, tx, flowRun, scheduledState("Rescheduled by a Lazarus process.", tx.now)); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, "UPDATE flow_run SET times_resurrected = ? WHERE id = ?", attempts, flowRun); err != nil {
		return err
	}
	return logRun(ctx, tx, runLine{
		flowRun: flowRun, logger: logger, level: "INFO",
		message: fmt.Sprintf("Rescheduled by a Lazarus process. This is attempt %d.", attempts),
	})
}

// watched gives the ids that a query finds, with the settings of their flow group, at most so many, without those
// whose flow group has one of the toggles off.
func (s *store) watched(ctx context.Context, query string, args []any, most int, toggles ...string) ([]string, error) {
	rows, err := s.query(ctx, s.db.statement(query), args)
	if err != nil {
		return nil, err
	}
	var ids []string
	err = eachRow(rows, func(scan func(...any) error) error {
		var run, settings string
		if err := scan(&run, &settings); err != nil {
			return err
		}
		if len(ids) < most && !isOff(settings, toggles) {
			ids = append(ids, run)
		}
		return nil
	})
	return ids, err
}

// isOff says whether one of the toggles is false in the settings of a flow group.
func isOff(settings string, toggles []string) bool {
	var values map[string]any
	if json.Unmarshal([]byte(settings), &values) != nil {
		return false
	}
	for _, toggle := range toggles {
		if values[toggle] == false {
			return true
		}
	}
	return false
}
