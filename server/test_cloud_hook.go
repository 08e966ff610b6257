package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
)

type testCloudHookInput struct {
	CloudHookID id      `json:"cloud_hook_id"`
	FlowRunID   *id     `json:"flow_run_id"`
	StateType   *string `json:"state_type"`
}

// testCloudHook calls a hook at once, with an event about a flow run or a made-up one. Other than Server it also counts
// as a failure if the other side answers that it is one.
func testCloudHook(ctx context.Context, c *call) (any, error) {
	var input testCloudHookInput
	if err := c.decode("input", &input); err != nil {
		return nil, err
	}
	var requests []hookRequest
	err := c.store.write(ctx, func(ctx context.Context, tx *writeTx) (err error) {
		requests, err = prepareTest(ctx, tx, input)
		return err
	})
	for _, request := range requests {
		err = errors.Join(err, c.store.hooks.post(ctx, request))
	}
	if err != nil {
		return payload{"success": false, "error": err.Error()}, nil //nolint:nilerr // the payload tells it
	}
	return payload{"success": true}, nil
}

// prepareTest leaves a message or gives what is to be posted.
func prepareTest(ctx context.Context, tx *writeTx, input testCloudHookInput) ([]hookRequest, error) {
	var kind, tenant string
	var config json.RawMessage
	err := tx.row(ctx, "SELECT type, config, tenant_id FROM cloud_hook WHERE id = ?", []any{input.CloudHookID}, &kind, (*[]byte)(&config), &tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse("Invalid ID")
	} else if err != nil {
		return nil, err
	}
	event, err := testEvent(ctx, tx, input, tenant)
	if err != nil {
		return nil, err
	}
	if kind == messageHook {
		return nil, leaveMessage(ctx, tx, event)
	}
	return hookRequests(string(input.CloudHookID), kind, config, event)
}

func testEvent(ctx context.Context, tx *writeTx, input testCloudHookInput, tenant string) (*hookEvent, error) {
	event, err := newHookEvent(tx)
	if err != nil {
		return nil, err
	}
	event.IsTest = true
	if input.FlowRunID != nil {
		err := event.describe(ctx, tx, string(*input.FlowRunID))
		if errors.Is(err, sql.ErrNoRows) {
			return nil, refuse("Invalid flow run ID.")
		} else if err != nil {
			return nil, err
		}
	} else {
		event.FlowRun = hookFlowRun{ID: uuid.NewString(), TenantID: &tenant, Name: randomName()}
		event.Flow = hookFlow{ID: uuid.NewString(), Name: "Test of a cloud hook"}
		event.Tenant = hookTenant{ID: tenant, Slug: "test-slug"}
	}
	s := testState(input.StateType)
	event.State = hookState{
		TenantID: &tenant, FlowRunID: &event.FlowRun.ID, Version: event.FlowRun.Version + 1,
		State: s.kind, Timestamp: tx.stamp(), Message: s.message, Serialized: s.raw,
	}
	return event, nil
}

// testState makes a state of a value of the enum test_cloud_hook_state_type; Success by default.
func testState(name *string) *state {
	kind := "Success"
	if name != nil {
		kind = map[string]string{
			"SCHEDULED": "Scheduled", "SUBMITTED": "Submitted", "RUNNING": "Running", "FAILED": "Failed",
		}[*name]
	}
	if kind == "" {
		kind = "Success"
	}
	return newState(kind, "This is a test.")
}
