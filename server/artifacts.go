package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
)

type createArtifactInput struct {
	TaskRunID id              `json:"task_run_id"`
	Kind      string          `json:"kind"`
	Data      json.RawMessage `json:"data"`
	TenantID  *id             `json:"tenant_id"`
}

// createArtifact says "not found" for a task run that does not exist; the client tries again when it reads that.
func createArtifact(ctx context.Context, tx *writeTx, input createArtifactInput) (payload, error) {
	if err := checkArtifact(input.Data); err != nil {
		return nil, err
	}
	var tenant sql.NullString
	err := tx.row(ctx, "SELECT tenant_id FROM task_run WHERE id = ?", []any{input.TaskRunID}, &tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse("Task run %s not found", input.TaskRunID)
	} else if err != nil {
		return nil, err
	}
	if input.TenantID != nil && tenant.Valid && tenant.String != string(*input.TenantID) {
		return nil, refuse("Invalid tenant ID.")
	}
	artifact, err := newID()
	if err != nil {
		return nil, err
	}
	now := tx.stamp()
	_, err = tx.exec(ctx, "INSERT INTO task_run_artifact (id, created, updated, tenant_id, task_run_id, kind, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
		artifact, now, now, tenant, input.TaskRunID, input.Kind, string(input.Data))
	return payload{"id": artifact}, err
}

type artifactInput struct {
	ArtifactID id              `json:"task_run_artifact_id"`
	Data       json.RawMessage `json:"data"`
}

func updateArtifact(ctx context.Context, tx *writeTx, input artifactInput) (payload, error) {
	if err := checkArtifact(input.Data); err != nil {
		return nil, err
	}
	changed, err := tx.exec(ctx, "UPDATE task_run_artifact SET data = ?, updated = ? WHERE id = ?", string(input.Data), tx.stamp(), input.ArtifactID)
	return success(changed), err
}

func deleteArtifact(ctx context.Context, tx *writeTx, input artifactInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM task_run_artifact WHERE id = ?", input.ArtifactID)
	return success(deleted), err
}

func checkArtifact(data json.RawMessage) error {
	if len(data) > maxState {
		return refuse("Artifact data payload exceeds %d bytes limit.", maxState)
	}
	return nil
}
