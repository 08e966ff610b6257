package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// messageHook is the type of a hook that leaves a message in the API instead of posting somewhere.
const messageHook = "PREFECT_MESSAGE"

// hookEvent is what a cloud hook tells, in the form of Server's FlowRunStateChange (Server, utilities/events.py). The
// flow run is as it was before the change.
type hookEvent struct {
	ID        string      `json:"id"`
	Timestamp string      `json:"timestamp"`
	Type      string      `json:"type"`
	FlowRun   hookFlowRun `json:"flow_run"`
	State     hookState   `json:"state"`
	Flow      hookFlow    `json:"flow"`
	Tenant    hookTenant  `json:"tenant"`
	IsTest    bool        `json:"is_test_event"`
}

type hookFlowRun struct {
	ID       string  `json:"id"`
	TenantID *string `json:"tenant_id"`
	FlowID   *string `json:"flow_id"`
	Name     string  `json:"name"`
	Version  int64   `json:"version"`
	State    *string `json:"state"`
}

type hookState struct {
	ID         *string         `json:"id"`
	TenantID   *string         `json:"tenant_id"`
	FlowRunID  *string         `json:"flow_run_id"`
	Version    int64           `json:"version"`
	State      string          `json:"state"`
	Timestamp  string          `json:"timestamp"`
	Message    *string         `json:"message"`
	StartTime  *string         `json:"start_time"`
	Serialized json.RawMessage `json:"serialized_state"`
}

type hookFlow struct {
	ID             string  `json:"id"`
	Name           string  `json:"name"`
	FlowGroupID    *string `json:"flow_group_id"`
	VersionGroupID *string `json:"version_group_id"`
}

type hookTenant struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
}

// summary says in one line what happened. Names are put between quotes.
func (e *hookEvent) summary(quote string) string {
	return "Flow run " + quote + e.FlowRun.Name + quote + " of flow " + quote + e.Flow.Name + quote + " is now " + quote + e.State.State + quote
}

// text is the message of the state.
func (s *hookState) text() string {
	if s.Message == nil || *s.Message == "" {
		return "The state has no message."
	}
	return *s.Message
}

// newHookEvent makes an event without its subjects.
func newHookEvent(tx *writeTx) (*hookEvent, error) {
	eventID, err := newID()
	return &hookEvent{ID: eventID, Timestamp: tx.stamp(), Type: "FlowRunStateChange"}, err
}

// describe fills in the flow run of an event, its flow and its tenant; sql.ErrNoRows if there is no such run.
func (e *hookEvent) describe(ctx context.Context, tx *writeTx, flowRun string) error {
	return tx.row(ctx, `SELECT flow_run.id, flow_run.tenant_id, coalesce(flow_run.name, ''), flow_run.version, flow_run.state,
			flow.id, flow.id, flow.name, flow.flow_group_id, flow.version_group_id, tenant.id, tenant.slug
		FROM flow_run JOIN flow ON flow.id = flow_run.flow_id JOIN tenant ON tenant.id = flow_run.tenant_id WHERE flow_run.id = ?`, []any{flowRun},
		&e.FlowRun.ID, &e.FlowRun.TenantID, &e.FlowRun.Name, &e.FlowRun.Version, &e.FlowRun.State,
		&e.FlowRun.FlowID, &e.Flow.ID, &e.Flow.Name, &e.Flow.FlowGroupID, &e.Flow.VersionGroupID, &e.Tenant.ID, &e.Tenant.Slug)
}

// matchingHook is an active hook that wants to hear of an event.
type matchingHook struct {
	id, kind string
	config   json.RawMessage
}

// callHooks tells the hooks that wait for a state of a flow run. It is called before the run has that state. Messages
// become part of the transaction; what is posted is posted after its commit, if there is one.
func callHooks(ctx context.Context, tx *writeTx, flowRun, stateID string, s *state) error {
	hooks, err := hooksFor(ctx, tx, flowRun, s.kind)
	if err != nil || len(hooks) == 0 {
		return err
	}
	event, err := newHookEvent(tx)
	if err != nil {
		return err
	}
	if err := event.describe(ctx, tx, flowRun); err != nil {
		return err
	}
	event.State = hookState{
		ID: &stateID, TenantID: event.FlowRun.TenantID, FlowRunID: &flowRun, Version: event.FlowRun.Version + 1,
		State: s.kind, Timestamp: tx.stamp(), Message: s.message, StartTime: s.start, Serialized: s.raw,
	}
	for _, hook := range hooks {
		if hook.kind == messageHook {
			if err := leaveMessage(ctx, tx, event); err != nil {
				return err
			}
			continue
		}
		requests, err := hookRequests(hook.id, hook.kind, hook.config, event)
		if err != nil {
			return err
		}
		tx.posts = append(tx.posts, requests...)
	}
	return nil
}

// hooksFor finds the hooks for a state of a flow run.
func hooksFor(ctx context.Context, tx *writeTx, flowRun, kind string) ([]matchingHook, error) {
	var hooks []matchingHook
	err := tx.each(ctx, `SELECT cloud_hook.id, cloud_hook.type, cloud_hook.config, coalesce(cloud_hook.states, '[]')
		FROM flow_run JOIN flow ON flow.id = flow_run.flow_id JOIN cloud_hook ON cloud_hook.tenant_id = flow_run.tenant_id
		WHERE flow_run.id = ? AND cloud_hook.active
			AND (cloud_hook.version_group_id IS NULL OR cloud_hook.version_group_id = flow.version_group_id)
		ORDER BY cloud_hook.created, cloud_hook.id`, []any{flowRun},
		func(scan func(...any) error) error {
			var hook matchingHook
			var states []byte
			if err := scan(&hook.id, &hook.kind, (*[]byte)(&hook.config), &states); err != nil {
				return err
			}
			var names []string
			if err := json.Unmarshal(states, &names); err != nil {
				return err
			}
			if slices.Contains(names, strings.ToUpper(kind)) {
				hooks = append(hooks, hook)
			}
			return nil
		})
	return hooks, err
}

// leaveMessage stores an event as a message of its tenant.
func leaveMessage(ctx context.Context, tx *writeTx, event *hookEvent) error {
	content, err := encodeJSON(map[string]any{"type": "CLOUD_HOOK", "event": event})
	if err != nil {
		return err
	}
	return insertMessage(ctx, tx, event.Tenant.ID, "CLOUD_HOOK", content)
}
