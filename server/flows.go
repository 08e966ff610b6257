package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	version "github.com/aquasecurity/go-pep440-version"
	"github.com/google/uuid"
)

type createFlowInput struct {
	SerializedFlow    json.RawMessage `json:"serialized_flow"`
	ProjectID         id              `json:"project_id"`
	VersionGroupID    *string         `json:"version_group_id"`
	SetScheduleActive *bool           `json:"set_schedule_active"`
	Description       *string         `json:"description"`
	IdempotencyKey    *string         `json:"idempotency_key"`
}

// createCompressedFlow registers a flow that comes as base64 of gzip of JSON.
func createCompressedFlow(ctx context.Context, tx *writeTx, input createFlowInput) (payload, error) {
	var text string
	if err := json.Unmarshal(input.SerializedFlow, &text); err != nil {
		return nil, refuse("Unable to decompress serialized flow")
	}
	serialized, err := decompress(text)
	if err != nil {
		return nil, refuse("Unable to decompress serialized flow")
	}
	input.SerializedFlow = serialized
	return createFlow(ctx, tx, input)
}

func decompress(text string) (json.RawMessage, error) {
	const largest = 64 << 20
	reader, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader([]byte(text))))
	if err != nil {
		return nil, err
	}
	serialized, err := io.ReadAll(io.LimitReader(reader, largest+1))
	switch {
	case err != nil:
		return nil, err
	case len(serialized) > largest, !utf8.Valid(serialized), !json.Valid(serialized), tooDeep(serialized):
		return nil, errors.New("no JSON, or too much of it")
	}
	return serialized, nil
}

// serializedFlow is a flow as Prefect serialises it, as far as the backend reads it. What is stored is the whole.
type serializedFlow struct {
	Name        *string          `json:"name"`
	Schedule    json.RawMessage  `json:"schedule"`
	Parameters  json.RawMessage  `json:"parameters"`
	Tasks       []serializedTask `json:"tasks"`
	Edges       []serializedEdge `json:"edges"`
	Reference   []slug           `json:"reference_tasks"`
	RunConfig   json.RawMessage  `json:"run_config"`
	Storage     json.RawMessage  `json:"storage"`
	Environment json.RawMessage  `json:"environment"`
	Version     *string          `json:"__version__"`
}

// createFlow registers a version of a flow. Versions count up within a version group: the one given, or that of the
// newest flow of the same name in the project, or a new one. A registration with the idempotency key of the one
// before it gives the flow of that one. Otherwise all earlier versions are archived.
func createFlow(ctx context.Context, tx *writeTx, input createFlowInput) (payload, error) {
	var flow serializedFlow
	if err := json.Unmarshal(input.SerializedFlow, &flow); err != nil {
		return nil, refuse("The serialized flow cannot be read: %v", err)
	}
	if flow.Name == nil {
		return nil, refuse("The serialized flow has no name.")
	}
	if err := checkVersion(flow.Version); err != nil {
		return nil, err
	}
	var tenant sql.NullString
	err := tx.row(ctx, "SELECT tenant_id FROM project WHERE id = ? FOR NO KEY UPDATE", []any{input.ProjectID}, &tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse("Invalid project.")
	} else if err != nil {
		return nil, err
	}
	groupName, err := versionGroup(ctx, tx, input, *flow.Name)
	if err != nil {
		return nil, err
	}
	group, err := flowGroupNamed(ctx, tx, tenant, groupName)
	if err != nil {
		return nil, err
	}
	existing, err := group.registered(ctx, tx, input.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	if existing == "" {
		if existing, err = insertFlow(ctx, tx, input, flow, tenant, group); err != nil {
			return nil, err
		}
	}
	return payload{"id": existing}, archiveOthers(ctx, tx, group.id, existing)
}

// checkVersion refuses flows that are older than what Server reads.
func checkVersion(text *string) error {
	const oldest = "0.6.1"
	if text == nil {
		return nil
	}
	built, err := version.Parse(*text)
	if err != nil {
		return nil //nolint:nilerr // a version of somebody's own
	}
	if built.LessThan(version.MustParse(oldest)) {
		return refuse("Flows must be built with Prefect %s+, this one was built with Prefect %s.", oldest, *text)
	}
	return nil
}

// versionGroup gives the name of the group that a new version belongs to.
func versionGroup(ctx context.Context, tx *writeTx, input createFlowInput, flowName string) (string, error) {
	if input.VersionGroupID != nil && *input.VersionGroupID != "" {
		return *input.VersionGroupID, nil
	}
	var group sql.NullString
	err := tx.row(ctx, "SELECT version_group_id FROM flow WHERE project_id = ? AND name = ? ORDER BY created DESC, version DESC LIMIT 1",
		[]any{input.ProjectID, flowName}, &group)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	if group.String != "" {
		return group.String, nil
	}
	return uuid.NewString(), nil
}

// insertFlow stores a flow with its tasks and edges as the next version of its group.
func insertFlow(ctx context.Context, tx *writeTx, input createFlowInput, flow serializedFlow, tenant sql.NullString, group *flowGroup) (string, error) {
	flowID, err := newID()
	if err != nil {
		return "", err
	}
	var latest int64
	err = tx.row(ctx, "SELECT coalesce(max(version), 0) FROM flow WHERE version_group_id = ? AND tenant_id IS NOT DISTINCT FROM ?", []any{group.name, tenant}, &latest)
	if err != nil {
		return "", err
	}
	_, err = tx.exec(ctx, `INSERT INTO flow (id, created, updated, tenant_id, project_id, flow_group_id, name, version, version_group_id,
			description, environment, run_config, parameters, storage, core_version, serialized_flow, schedule)
		VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)`,
		flowID, tx.stamp(), tenant, input.ProjectID, group.id, *flow.Name, latest+1, group.name,
		input.Description, orNull(flow.Environment), orNull(flow.RunConfig), orEmptyList(flow.Parameters), orNull(flow.Storage),
		flow.Version, string(input.SerializedFlow), orNull(flow.Schedule))
	if err != nil {
		return "", err
	}
	if err := insertTasks(ctx, tx, flowID, tenant, flow.Tasks); err != nil {
		return "", err
	}
	if err := insertEdges(ctx, tx, flowID, tenant, flow.Edges, flow.Reference); err != nil {
		return "", err
	}
	scheduled := !isNull(flow.Schedule) || group.scheduled
	if scheduled && (input.SetScheduleActive == nil || *input.SetScheduleActive) {
		// A schedule that cannot be used is no reason not to register the flow.
		var refused *apiError
		if _, err := activateSchedule(ctx, tx, flowID); err != nil && !errors.As(err, &refused) {
			return "", err
		}
	}
	return flowID, nil
}

// orEmptyList gives the text of a JSON list that is stored.
func orEmptyList(raw json.RawMessage) string {
	if isNull(raw) {
		return "[]"
	}
	return string(raw)
}

type flowInput struct {
	FlowID id `json:"flow_id"`
}

func deleteFlow(ctx context.Context, tx *writeTx, input flowInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM flow WHERE id = ?", input.FlowID)
	return success(deleted), err
}

type updateFlowProjectInput struct {
	FlowID    id `json:"flow_id"`
	ProjectID id `json:"project_id"`
}

// updateFlowProject moves one version of a flow to another project of its tenant.
func updateFlowProject(ctx context.Context, tx *writeTx, input updateFlowProjectInput) (payload, error) {
	changed, err := tx.exec(ctx, `UPDATE flow SET project_id = ?1, updated = ?2
		WHERE id = ?3 AND EXISTS (SELECT 1 FROM project WHERE project.id = ?1 AND project.tenant_id = flow.tenant_id)`,
		input.ProjectID, tx.stamp(), input.FlowID)
	if err == nil && changed == 0 {
		err = refuse("Invalid flow or project ID.")
	}
	return payload{"id": input.FlowID}, err
}
