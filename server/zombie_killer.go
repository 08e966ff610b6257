package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const zombiesAtATime = 5000

// Task runs that claim to be executed while the heartbeat of their flow run is stale, and flow runs that were to be
// cancelled by a process that is no more.
const (
	zombieTaskRunsQuery = `SELECT task_run.id, coalesce(flow_group.settings, '{}')
		FROM task_run JOIN flow_run ON flow_run.id = task_run.flow_run_id
		JOIN flow ON flow.id = flow_run.flow_id JOIN flow_group ON flow_group.id = flow.flow_group_id
		WHERE task_run.state = 'Running' AND flow_run.heartbeat <= ?
		ORDER BY task_run.updated DESC`
	zombieFlowRunsQuery = `SELECT flow_run.id, coalesce(flow_group.settings, '{}')
		FROM flow_run JOIN flow ON flow.id = flow_run.flow_id JOIN flow_group ON flow_group.id = flow.flow_group_id
		WHERE flow_run.state = 'Cancelling' AND flow_run.heartbeat <= ?
		ORDER BY flow_run.updated DESC`
)

// endZombies is a pass of the zombie killer (Server, services/towel/zombie_killer.py).
func (s *store) endZombies(ctx context.Context, cutoff time.Time) error {
	for _, kind := range []struct {
		query string
		end   func(ctx context.Context, tx *writeTx, run string, cutoff time.Time) error
	}{
		{zombieTaskRunsQuery, endZombieTaskRun},
		{zombieFlowRunsQuery, endZombieFlowRun},
	} {
		zombies, err := s.watched(ctx, kind.query, []any{formatTime(cutoff)}, zombiesAtATime, "heartbeat_enabled")
		if err != nil {
			return err
		}
		for _, run := range zombies {
			if err := s.write(ctx, func(ctx context.Context, tx *writeTx) error { return kind.end(ctx, tx, run, cutoff) }); err != nil {
				s.log.Error("A run whose process has died could not be ended", "run", run, "error", err)
			}
		}
	}
	return nil
}

// endZombieTaskRun retries a task run if its task has retries left and its flow run can be executed again, and fails
// it otherwise. It looks again, as rescheduleDead does.
func endZombieTaskRun(ctx context.Context, tx *writeTx, taskRun string, cutoff time.Time) error {
	var flowRun string
	var flowRunState, name sql.NullString
	var maxRetries, retries int64
	var delay float64
	err := tx.row(ctx, `SELECT task_run.flow_run_id, task_run.name, flow_run.state, coalesce(task.max_retries, 0), coalesce(task.retry_delay, 0)
		FROM task_run JOIN flow_run ON flow_run.id = task_run.flow_run_id JOIN task ON task.id = task_run.task_id
		WHERE task_run.id = ? AND task_run.state = 'Running' AND flow_run.heartbeat <= ? FOR UPDATE OF task_run`,
		[]any{taskRun, formatTime(cutoff)}, &flowRun, &name, &flowRunState, &maxRetries, &delay)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	err = tx.row(ctx, "SELECT count(*) FROM task_run_state WHERE task_run_id = ? AND state = 'Retrying'", []any{taskRun}, &retries)
	if err != nil {
		return err
	}
	var s *state
	if flowRunState.String == "Running" && retries < maxRetries {
		message := fmt.Sprintf("No heartbeat detected from the remote task; retrying the run. This will be retry %d of %d.", retries+1, maxRetries)
		s = retryingState(message, tx.now.Add(time.Duration(delay*float64(time.Second))), retries+1)
	} else {
		shown := "None" // as Python prints it
		if name.Valid {
			shown = name.String
		}
		s = newState("Failed", fmt.Sprintf("No heartbeat detected from the remote task; marking the task run %s (%s) as failed.", taskRun, shown))
	}
	if err := setTaskRunState(ctx, tx, taskRun, s); err != nil {
		return err
	}
	return logRun(ctx, tx, runLine{
		flowRun: flowRun, taskRun: taskRun, logger: "prefect-server.ZombieKiller.TaskRun", level: "ERROR", message: *s.message,
	})
}

// endZombieFlowRun fails a flow run whose process died while it was being cancelled.
func endZombieFlowRun(ctx context.Context, tx *writeTx, flowRun string, cutoff time.Time) error {
	var found string
	err := tx.row(ctx, "SELECT id FROM flow_run WHERE id = ? AND state = 'Cancelling' AND heartbeat <= ? FOR UPDATE",
		[]any{flowRun, formatTime(cutoff)}, &found)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	const message = "No heartbeat detected from the flow run; marking the run as failed."
	if err := setFlowRunState(ctx, tx, flowRun, newState("Failed", message)); err != nil {
		return err
	}
	return logRun(ctx, tx, runLine{flowRun: flowRun, logger: "prefect-server.ZombieKiller.FlowRun", level: "ERROR", message: message})
}
