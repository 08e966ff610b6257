package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

type createFlowRunInput struct {
	FlowID             *id             `json:"flow_id"`
	VersionGroupID     *string         `json:"version_group_id"`
	Parameters         json.RawMessage `json:"parameters"`
	Context            json.RawMessage `json:"context"`
	Labels             list[string]    `json:"labels"`
	RunConfig          json.RawMessage `json:"run_config"`
	ScheduledStartTime *moment         `json:"scheduled_start_time"`
	IdempotencyKey     *string         `json:"idempotency_key"`
	FlowRunName        *string         `json:"flow_run_name"`
}

// createFlowRun creates a flow run, due at its scheduled start time, and a pending task run for each task of the flow:
// the client takes the ids of its tasks from those. With the idempotency key of an earlier run of the flow it gives
// that run, whatever else the input says.
func createFlowRun(ctx context.Context, tx *writeTx, input createFlowRunInput) (payload, error) {
	flow, err := runnableFlow(ctx, tx, input.FlowID, input.VersionGroupID)
	if err != nil {
		return nil, err
	}
	labels, err := flow.runLabels(input.Labels, input.RunConfig)
	if err != nil {
		return nil, err
	}
	parameters, err := flow.runParameters(input.Parameters)
	if err != nil {
		return nil, err
	}
	runContext := any("{}")
	if !isEmpty(input.Context) {
		runContext = string(input.Context)
	}
	name := randomName()
	if input.FlowRunName != nil && *input.FlowRunName != "" {
		name = *input.FlowRunName
	}
	start := tx.now
	if input.ScheduledStartTime != nil {
		start = input.ScheduledStartTime.Time
	}
	flowRun, err := newID()
	if err != nil {
		return nil, err
	}
	created, err := tx.exec(ctx, `INSERT INTO flow_run
		(id, created, updated, tenant_id, flow_id, name, parameters, labels, run_config, context, scheduled_start_time, idempotency_key)
		VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (flow_id, idempotency_key) DO NOTHING`,
		flowRun, tx.stamp(), flow.tenant, flow.id, name, string(parameters), string(labels),
		orNull(firstPresent(input.RunConfig, flow.groupRunConfig, flow.runConfig)), runContext, formatTime(start), input.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	if created == 0 {
		err := tx.row(ctx, "SELECT id FROM flow_run WHERE flow_id = ? AND idempotency_key = ?", []any{flow.id, input.IdempotencyKey}, &flowRun)
		return payload{"id": flowRun}, err
	}
	if err := addTaskRuns(ctx, tx, flow.id, flowRun); err != nil {
		return nil, err
	}
	return payload{"id": flowRun}, setFlowRunState(ctx, tx, flowRun, scheduledState("Flow run scheduled.", start))
}

// flowToRun is what a new run takes from its flow and flow group.
type flowToRun struct {
	id                             string
	archived                       bool
	tenant                         sql.NullString
	parameters, runConfig, environ json.RawMessage
	groupDefaults, groupRunConfig  json.RawMessage
	groupLabels                    json.RawMessage
}

// runnableFlow finds the flow with an id or, without one, the current version of a group. It must not be archived.
func runnableFlow(ctx context.Context, tx *writeTx, flowID *id, group *string) (*flowToRun, error) {
	const columns = `SELECT flow.id, flow.archived, flow.tenant_id, flow.parameters, flow.run_config, flow.environment,
		flow_group.default_parameters, flow_group.run_config, flow_group.labels
		FROM flow JOIN flow_group ON flow_group.id = flow.flow_group_id `
	var f flowToRun
	targets := []any{
		&f.id, &f.archived, &f.tenant, (*[]byte)(&f.parameters), (*[]byte)(&f.runConfig), (*[]byte)(&f.environ),
		(*[]byte)(&f.groupDefaults), (*[]byte)(&f.groupRunConfig), (*[]byte)(&f.groupLabels),
	}
	switch {
	case flowID != nil:
		err := tx.row(ctx, columns+"WHERE flow.id = ?", []any{*flowID}, targets...)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, refuse("Flow %s not found", *flowID)
		} else if err != nil {
			return nil, err
		}
	case group != nil:
		err := tx.row(ctx, columns+"WHERE flow.version_group_id = ? AND NOT flow.archived ORDER BY flow.version DESC LIMIT 1", []any{*group}, targets...)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, refuse("Version group %s has no unarchived flows.", *group)
		} else if err != nil {
			return nil, err
		}
	default:
		return nil, refuse("A flow id or version group ID must be provided.")
	}
	if f.archived {
		return nil, refuse("Flow %s is archived.", f.id)
	}
	return &f, nil
}

// runLabels are those of the first of these that is there, sorted: the input, the run config of the input, the flow
// group, its run config, the flow's run config, its environment. A run config without labels means none.
func (f *flowToRun) runLabels(given list[string], runConfig json.RawMessage) (json.RawMessage, error) {
	labels := []string(given)
	if given == nil {
		source := f.groupLabels
		if config := firstPresent(runConfig); config != nil || isNull(source) {
			config = firstPresent(config, f.groupRunConfig, f.runConfig, f.environ)
			var holder struct {
				Labels json.RawMessage `json:"labels"`
			}
			if config != nil {
				if err := json.Unmarshal(config, &holder); err != nil {
					return nil, refuse("The run config is not an object.")
				}
			}
			source = holder.Labels
		}
		if !isNull(source) {
			if err := json.Unmarshal(source, &labels); err != nil {
				return nil, refuse("Labels must be a list of strings.")
			}
		}
	}
	return sortedLabels(labels)
}

// sortedLabels is the JSON of labels as they are stored: a sorted list, never null.
func sortedLabels(labels []string) (json.RawMessage, error) {
	sorted := append([]string{}, labels...)
	slices.Sort(sorted)
	return encodeJSON(sorted)
}

// runParameters are the defaults of the flow, overlaid by those of the flow group and these by the input. Defaults
// that Python takes for false are left out, as on Server; the client fills them in itself.
func (f *flowToRun) runParameters(given json.RawMessage) (json.RawMessage, error) {
	var declared []struct {
		Name     string          `json:"name"`
		Default  json.RawMessage `json:"default"`
		Required bool            `json:"required"`
	}
	if !isNull(f.parameters) {
		if err := json.Unmarshal(f.parameters, &declared); err != nil {
			return nil, refuse("The parameters of flow %s cannot be read.", f.id)
		}
	}
	var parameters object
	for _, parameter := range declared {
		if !isEmpty(parameter.Default) {
			parameters = parameters.with(parameter.Name, parameter.Default)
		}
	}
	for _, overlay := range []json.RawMessage{f.groupDefaults, given} {
		if isNull(overlay) {
			continue
		}
		members, err := decodeObject(overlay)
		if err != nil {
			return nil, refuse("Parameters must be an object.")
		}
		for _, m := range members {
			parameters = parameters.with(m.name, m.value)
		}
	}
	var missing []string
	for _, parameter := range declared {
		if parameter.Required && !slices.ContainsFunc(parameters, func(m member) bool { return m.name == parameter.Name }) {
			missing = append(missing, "'"+parameter.Name+"'")
		}
	}
	if len(missing) > 0 {
		return nil, refuse("Required parameters were not supplied: {%s}", strings.Join(missing, ", "))
	}
	return parameters.encode(), nil
}

// firstPresent gives the first value that is not null; nil if there is none.
func firstPresent(values ...json.RawMessage) json.RawMessage {
	for _, value := range values {
		if !isNull(value) {
			return value
		}
	}
	return nil
}

func deleteFlowRun(ctx context.Context, tx *writeTx, input flowRunInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM flow_run WHERE id = ?", input.FlowRunID)
	return success(deleted), err
}

type setFlowRunNameInput struct {
	FlowRunID id     `json:"flow_run_id"`
	Name      string `json:"name"`
}

func setFlowRunName(ctx context.Context, tx *writeTx, input setFlowRunNameInput) (payload, error) {
	if input.Name == "" {
		return nil, refuse("Invalid name")
	}
	changed, err := tx.exec(ctx, "UPDATE flow_run SET name = ?, updated = ? WHERE id = ?", input.Name, tx.stamp(), input.FlowRunID)
	return success(changed), err
}

type setFlowRunLabelsInput struct {
	FlowRunID id           `json:"flow_run_id"`
	Labels    list[string] `json:"labels"`
}

func setFlowRunLabels(ctx context.Context, tx *writeTx, input setFlowRunLabelsInput) (payload, error) {
	labels, err := sortedLabels(input.Labels)
	if err != nil {
		return nil, err
	}
	changed, err := tx.exec(ctx, "UPDATE flow_run SET labels = ?, updated = ? WHERE id = ?", string(labels), tx.stamp(), input.FlowRunID)
	return success(changed), err
}
