package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// submittedLock is how long a flow run that was set Submitted cannot be set Submitted again.
const submittedLock = 30 * time.Second

type setFlowRunStatesInput struct {
	States list[struct {
		FlowRunID id              `json:"flow_run_id"`
		State     json.RawMessage `json:"state"`
	}] `json:"states"`
}

// setFlowRunStates sets states one after the other. The version that a client sends is not looked at, and any state
// may follow any other: so it is on Server, and the engine counts on it when it runs a flow run again.
func setFlowRunStates(ctx context.Context, tx *writeTx, input setFlowRunStatesInput) (payload, error) {
	results := make([]payload, len(input.States))
	for i, item := range input.States {
		s, err := parseState(item.State, tx.now)
		if err != nil {
			return nil, err
		}
		if err := setFlowRunState(ctx, tx, string(item.FlowRunID), s); err != nil {
			return nil, err
		}
		results[i] = payload{"id": item.FlowRunID, "status": "SUCCESS"}
	}
	return payload{"states": results}, nil
}

// setFlowRunState adds a state to the history of a flow run and makes it the current one. In the same transaction it
// does what Server does in triggers and around them: it takes the lock of Submitted, cancels task runs, moves
// start_time, end_time and heartbeat, records the agent that submitted the run, and calls cloud hooks.
func setFlowRunState(ctx context.Context, tx *writeTx, flowRun string, s *state) error {
	var tenant, submitted sql.NullString
	var version int64
	err := tx.row(ctx, "SELECT tenant_id, version, submitted_at FROM flow_run WHERE id = ? FOR UPDATE", []any{flowRun}, &tenant, &version, &submitted)
	if errors.Is(err, sql.ErrNoRows) {
		return refuse("State update failed for flow run ID %s", flowRun)
	} else if err != nil {
		return err
	}
	now := tx.stamp()
	var submittedAt, agent any
	if s.kind == "Submitted" {
		if submitted.Valid && submitted.String > formatTime(tx.now.Add(-submittedLock)) {
			return refuse("State update failed: this run has already been submitted.")
		}
		submittedAt, agent = now, tx.agent()
	}
	if s.kind == "Cancelled" {
		if err := cancelTaskRuns(ctx, tx, flowRun, s); err != nil {
			return err
		}
	}
	stateID, err := newID()
	if err != nil {
		return err
	}
	version++
	if _, err := tx.exec(ctx, `INSERT INTO flow_run_state
		(id, created, updated, tenant_id, flow_run_id, timestamp, state, message, start_time, serialized_state, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		stateID, now, now, tenant, flowRun, now, s.kind, s.message, s.start, string(s.raw), version); err != nil {
		return err
	}
	if err := callHooks(ctx, tx, flowRun, stateID, s); err != nil {
		return err
	}
	_, err = tx.exec(ctx, `UPDATE flow_run SET updated = ?1, version = ?2, state = ?3, state_timestamp = ?1, state_message = ?4,
			state_result = NULL, state_start_time = ?5, serialized_state = ?6,
			start_time = CASE WHEN ?7 THEN CASE WHEN start_time < ?1 THEN start_time ELSE ?1 END ELSE start_time END,
			end_time = CASE WHEN ?8 THEN CASE WHEN end_time > ?1 THEN end_time ELSE ?1 END ELSE end_time END,
			heartbeat = CASE WHEN ?9 THEN ?1 ELSE heartbeat END,
			submitted_at = coalesce(?10, submitted_at),
			agent_id = coalesce((SELECT id FROM agent WHERE id = ?11), agent_id)
		WHERE id = ?12`,
		now, version, s.kind, s.message, s.start, string(s.raw),
		s.kind == "Running", ends(s.kind), isRunning(s.kind) || s.kind == "Submitted",
		submittedAt, agent, flowRun)
	return err
}

// agent gives the id of the agent that sent the request; nil if it did not say.
func (t *writeTx) agent() any {
	agent, err := parseID(t.headers.Get("X-PREFECT-AGENT-ID"))
	if err != nil {
		return nil
	}
	return agent
}

// cancelTaskRuns gives every task run of a flow run that has not finished the state of the flow run.
func cancelTaskRuns(ctx context.Context, tx *writeTx, flowRun string, s *state) error {
	var unfinished []string
	err := tx.each(ctx, "SELECT id, coalesce(state, '') FROM task_run WHERE flow_run_id = ? ORDER BY id", []any{flowRun},
		func(scan func(...any) error) error {
			var taskRun, kind string
			if err := scan(&taskRun, &kind); err != nil {
				return err
			}
			if !isFinished(kind) {
				unfinished = append(unfinished, taskRun)
			}
			return nil
		})
	if err != nil {
		return err
	}
	for _, taskRun := range unfinished {
		own := *s
		if err := setTaskRunState(ctx, tx, taskRun, &own); err != nil {
			return err
		}
	}
	return nil
}

type setTaskRunStatesInput struct {
	States list[struct {
		TaskRunID id              `json:"task_run_id"`
		State     json.RawMessage `json:"state"`
	}] `json:"states"`
}

// setTaskRunStates sets states one after the other, without regard to the versions that the client sends.
func setTaskRunStates(ctx context.Context, tx *writeTx, input setTaskRunStatesInput) (payload, error) {
	results := make([]payload, len(input.States))
	for i, item := range input.States {
		s, err := parseState(item.State, tx.now)
		if err != nil {
			return nil, err
		}
		if err := setTaskRunState(ctx, tx, string(item.TaskRunID), s); err != nil {
			return nil, err
		}
		results[i] = payload{"id": item.TaskRunID, "status": "SUCCESS"}
	}
	return payload{"states": results}, nil
}

// setTaskRunState adds a state to the history of a task run and makes it the current one. A task run starts only
// while its flow run is Running, so a flow run that is being cancelled starts no more. A state without cached inputs
// takes over those of the state before it.
func setTaskRunState(ctx context.Context, tx *writeTx, taskRun string, s *state) error {
	var tenant, flowRunState sql.NullString
	var version int64
	var flowRun string
	var before struct {
		Inputs json.RawMessage `json:"cached_inputs"`
	}
	var serialized []byte
	err := tx.row(ctx, `SELECT task_run.tenant_id, task_run.version, task_run.serialized_state, flow_run.id, flow_run.state
		FROM task_run JOIN flow_run ON flow_run.id = task_run.flow_run_id WHERE task_run.id = ? FOR UPDATE OF task_run`,
		[]any{taskRun}, &tenant, &version, &serialized, &flowRun, &flowRunState)
	if errors.Is(err, sql.ErrNoRows) {
		return refuse("State update failed for task run ID %s", taskRun)
	} else if err != nil {
		return err
	}
	if isRunning(s.kind) && flowRunState.String != "Running" {
		return refuse("State update failed for task run ID %s: provided a running state but associated flow run %s is not in a running state.", taskRun, flowRun)
	}
	if !s.inputs && len(serialized) > 0 {
		if err := json.Unmarshal(serialized, &before); err != nil {
			return fmt.Errorf("read state of task run %s: %w", taskRun, err)
		}
		if !isEmpty(before.Inputs) {
			if err := s.set("cached_inputs", before.Inputs); err != nil {
				return err
			}
		}
	}
	return storeTaskRunState(ctx, tx, taskRun, tenant, version+1, s)
}

// storeTaskRunState writes a state of a task run, which has been checked.
func storeTaskRunState(ctx context.Context, tx *writeTx, taskRun string, tenant sql.NullString, version int64, s *state) error {
	stateID, err := newID()
	if err != nil {
		return err
	}
	now := tx.stamp()
	if _, err := tx.exec(ctx, `INSERT INTO task_run_state
		(id, created, updated, tenant_id, task_run_id, timestamp, state, message, start_time, serialized_state, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		stateID, now, now, tenant, taskRun, now, s.kind, s.message, s.start, string(s.raw), version); err != nil {
		return err
	}
	_, err = tx.exec(ctx, `UPDATE task_run SET updated = ?1, version = ?2, state = ?3, state_timestamp = ?1, state_message = ?4,
			state_result = NULL, state_start_time = ?5, serialized_state = ?6,
			start_time = CASE WHEN ?7 THEN CASE WHEN start_time < ?1 THEN start_time ELSE ?1 END ELSE start_time END,
			end_time = CASE WHEN ?8 THEN CASE WHEN end_time > ?1 THEN end_time ELSE ?1 END ELSE end_time END,
			heartbeat = CASE WHEN ?9 THEN ?1 ELSE heartbeat END
		WHERE id = ?10`,
		now, version, s.kind, s.message, s.start, string(s.raw), s.kind == "Running", ends(s.kind), isRunning(s.kind), taskRun)
	return err
}
