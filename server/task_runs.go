package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
)

// taskRunCreated is the message of the first state of every task run.
const taskRunCreated = "Task run created"

// addTaskRuns creates the task runs of a new flow run, one for each task of the flow.
func addTaskRuns(ctx context.Context, tx *writeTx, flow, flowRun string) error {
	type task struct {
		id     string
		tenant sql.NullString
		key    *string
	}
	var tasks []task
	err := tx.each(ctx, "SELECT id, tenant_id, cache_key FROM task WHERE flow_id = ? ORDER BY id", []any{flow},
		func(scan func(...any) error) error {
			var t task
			err := scan(&t.id, &t.tenant, &t.key)
			tasks = append(tasks, t)
			return err
		})
	if err != nil {
		return err
	}
	var runs, states [][]any
	for _, t := range tasks {
		run, state, err := newTaskRun(tx.stamp(), flowRun, t.id, -1, t.tenant, t.key)
		if err != nil {
			return err
		}
		runs, states = append(runs, run), append(states, state)
	}
	if err := tx.insert(ctx, "task_run", taskRunColumns, runs); err != nil {
		return err
	}
	return tx.insert(ctx, "task_run_state", taskRunStateColumns, states)
}

// Columns of a task run and its first state, as newTaskRun fills them.
const (
	taskRunColumns = "id, created, updated, tenant_id, flow_run_id, task_id, map_index, cache_key, " +
		"version, state, state_timestamp, state_message, serialized_state"
	taskRunStateColumns = "id, created, updated, tenant_id, task_run_id, timestamp, state, message, serialized_state, version"
)

// newTaskRun makes the rows of a task run in state Pending, at version 1.
func newTaskRun(now, flowRun, task string, mapIndex int64, tenant sql.NullString, cacheKey *string) (run, state []any, err error) {
	runID, err := newID()
	if err != nil {
		return nil, nil, err
	}
	stateID, err := newID()
	if err != nil {
		return nil, nil, err
	}
	s := newState("Pending", taskRunCreated)
	run = []any{runID, now, now, tenant, flowRun, task, mapIndex, cacheKey, 1, s.kind, now, s.message, string(s.raw)}
	state = []any{stateID, now, now, tenant, runID, now, s.kind, s.message, string(s.raw), 1}
	return run, state, nil
}

// addTaskRun creates one task run, unless another process did so just now.
func addTaskRun(ctx context.Context, tx *writeTx, flowRun, task string, mapIndex int64, tenant sql.NullString, cacheKey *string) error {
	run, state, err := newTaskRun(tx.stamp(), flowRun, task, mapIndex, tenant, cacheKey)
	if err != nil {
		return err
	}
	created, err := tx.exec(ctx, "INSERT INTO task_run ("+taskRunColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (flow_run_id, task_id, map_index) DO NOTHING`, run...)
	if err != nil || created == 0 {
		return err
	}
	return tx.insert(ctx, "task_run_state", taskRunStateColumns, [][]any{state})
}

type getOrCreateTaskRunInput struct {
	FlowRunID id     `json:"flow_run_id"`
	TaskID    id     `json:"task_id"`
	MapIndex  *int64 `json:"map_index"`
}

// getOrCreateTaskRun finds the task run of a task and map index in a flow run, or creates it. Parallel executors call
// it at the same time. It looks before it waits for its turn to write: as a rule the task run is there. The answer
// serves both get_or_create_task_run and, as it is called before every attempt of a task, get_or_create_task_run_info.
func getOrCreateTaskRun(ctx context.Context, c *call) (any, error) {
	var input getOrCreateTaskRunInput
	if err := c.decode("input", &input); err != nil {
		return nil, err
	}
	mapIndex := int64(-1)
	if input.MapIndex != nil {
		mapIndex = *input.MapIndex
	}
	const find = "SELECT id, version, state, serialized_state FROM task_run WHERE flow_run_id = ? AND task_id = ? AND map_index = ?"
	key := []any{input.FlowRunID, input.TaskID, mapIndex}
	found := taskRunState{}
	err := c.store.row(ctx, find, key, found.targets()...)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return found.payload(), err
	}
	err = c.store.write(ctx, func(ctx context.Context, tx *writeTx) error {
		err := tx.row(ctx, find, key, found.targets()...)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var tenant sql.NullString
		var cacheKey *string
		err = tx.row(ctx, "SELECT tenant_id, cache_key FROM task WHERE id = ?", []any{input.TaskID}, &tenant, &cacheKey)
		if errors.Is(err, sql.ErrNoRows) {
			if c.field.Name == "get_or_create_task_run" {
				return refuse("Invalid ID")
			}
			return refuse("Invalid task ID")
		} else if err != nil {
			return err
		}
		if err := addTaskRun(ctx, tx, string(input.FlowRunID), string(input.TaskID), mapIndex, tenant, cacheKey); err != nil {
			return err
		}
		return tx.row(ctx, find, key, found.targets()...)
	})
	return found.payload(), err
}

// taskRunState is the current state of a task run.
type taskRunState struct {
	id         string
	version    int64
	state      *string
	serialized []byte
}

func (s *taskRunState) targets() []any {
	return []any{&s.id, &s.version, &s.state, &s.serialized}
}

func (s *taskRunState) payload() payload {
	return payload{"id": s.id, "version": s.version, "state": s.state, "serialized_state": json.RawMessage(s.serialized)}
}

// taskRunInfo answers get_task_run_info.
func taskRunInfo(ctx context.Context, c *call) (any, error) {
	var taskRun id
	if err := c.decode("task_run_id", &taskRun); err != nil {
		return nil, err
	}
	var found taskRunState
	err := c.store.row(ctx, "SELECT id, version, state, serialized_state FROM task_run WHERE id = ?", []any{taskRun}, found.targets()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, badInput("Invalid task run ID")
	}
	return found.payload(), err
}

type setTaskRunNameInput struct {
	TaskRunID id     `json:"task_run_id"`
	Name      string `json:"name"`
}

func setTaskRunName(ctx context.Context, tx *writeTx, input setTaskRunNameInput) (payload, error) {
	if input.Name == "" {
		return nil, refuse("Invalid name")
	}
	changed, err := tx.exec(ctx, "UPDATE task_run SET name = ?, updated = ? WHERE id = ?", input.Name, tx.stamp(), input.TaskRunID)
	return success(changed), err
}
