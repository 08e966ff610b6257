package server

import (
	"context"
	"database/sql"
	"errors"
)

type flowRunInput struct {
	FlowRunID id `json:"flow_run_id"`
}

// cancelFlowRun asks a flow run that is executed to stop, and cancels any other that has not finished.
func cancelFlowRun(ctx context.Context, tx *writeTx, input flowRunInput) (payload, error) {
	kind, err := cancel(ctx, tx, string(input.FlowRunID), "")
	return payload{"state": kind}, err
}

// cancel gives the state of the flow run afterwards. Without a message it has the usual one.
func cancel(ctx context.Context, tx *writeTx, flowRun, message string) (string, error) {
	var kind sql.NullString
	err := tx.row(ctx, "SELECT state FROM flow_run WHERE id = ?", []any{flowRun}, &kind)
	if errors.Is(err, sql.ErrNoRows) {
		return "", refuse("Invalid flow run ID: %s.", flowRun)
	} else if err != nil {
		return "", err
	}
	var s *state
	switch {
	case isFinished(kind.String):
		return kind.String, nil
	case isRunning(kind.String):
		s = newState("Cancelling", "Flow run is cancelling")
	default:
		s = newState("Cancelled", "Flow run is cancelled")
	}
	if message != "" {
		s = newState(s.kind, message)
	}
	return s.kind, setFlowRunState(ctx, tx, flowRun, s)
}
