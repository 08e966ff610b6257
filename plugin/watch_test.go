package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// script serves one history after the other and repeats the last.
type script struct {
	steps []any // graphql.History or error
	asked []time.Time
}

func (s *script) History(_ context.Context, _ string, since time.Time) (graphql.History, error) {
	s.asked = append(s.asked, since)
	step := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	if err, ok := step.(error); ok {
		return graphql.History{}, err
	}
	return step.(graphql.History), nil
}

func at(second int) time.Time { return time.Date(2022, 1, 31, 10, 0, second, 0, time.UTC) }

func TestWatchPrintsEachStateAndLineOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scheduled := graphql.StateChange{Version: 1, At: at(0), State: "Scheduled", Message: "Flow run scheduled."}
		running := graphql.StateChange{Version: 2, At: at(2), State: "Running", Message: "Running flow."}
		success := graphql.StateChange{Version: 3, At: at(5), State: "Success", Message: "Done."}
		one := graphql.LogLine{ID: "1", At: at(1), Name: "agent", Level: "INFO", Message: "taken"}
		two := graphql.LogLine{ID: "2", At: at(3), Name: "flow", Level: "INFO", Message: "hello"}
		api := &script{steps: []any{
			graphql.History{State: graphql.NewState("Scheduled", ""), States: []graphql.StateChange{scheduled}},
			graphql.History{State: graphql.NewState("Running", ""), States: []graphql.StateChange{scheduled, running}, Logs: []graphql.LogLine{one, two}},
			fmt.Errorf("cannot reach it: %w", graphql.ErrTemporary),
			graphql.History{State: graphql.NewState("Success", ""), States: []graphql.StateChange{scheduled, running, success}, Logs: []graphql.LogLine{two}},
		}}
		var out, stderr bytes.Buffer
		assert.NilError(t, watch(t.Context(), api, "id", nil, &out, &stderr))
		assert.Equal(t, out.String(), `[2022-01-31 10:00:00,000] STATE - flow run | Scheduled: Flow run scheduled.
[2022-01-31 10:00:01,000] INFO - agent | taken
[2022-01-31 10:00:02,000] STATE - flow run | Running: Running flow.
[2022-01-31 10:00:03,000] INFO - flow | hello
[2022-01-31 10:00:05,000] STATE - flow run | Success: Done.
`)
		assert.Assert(t, is.Contains(stderr.String(), "still trying"))
		assert.Assert(t, api.asked[3].Equal(at(3)), "only lines since the last are asked for")
	})
}

func TestWatchFailsUnlessTheRunSucceeds(t *testing.T) {
	for state, ok := range map[string]bool{"Success": true, "Cached": true, "Failed": false, "Cancelled": false, "Finished": false} {
		api := &script{steps: []any{graphql.History{Name: "run", State: graphql.NewState(state, "why")}}}
		err := watch(t.Context(), api, "id", nil, io.Discard, io.Discard)
		assert.Equal(t, err == nil, ok, state)
		if !ok {
			assert.Error(t, err, "flow run run ended as "+state+": why")
		}
	}
}

func TestWatchSaysWhenNobodyTakesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []any
		for range 100 {
			steps = append(steps, graphql.History{State: mustScheduled(t)})
		}
		api := &script{steps: append(steps, graphql.History{State: graphql.NewState("Success", "")})}
		var stderr bytes.Buffer
		assert.NilError(t, watch(t.Context(), api, "id", []string{"gpu"}, io.Discard, &stderr))
		assert.Equal(t, stderr.String(), "No agent has taken the run within 15s; one must be running with the labels [\"gpu\"]\n")
	})
}

func TestWatchLeavesTheRunAloneWhenStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := watch(ctx, &script{steps: []any{errors.New("context canceled")}}, "id", nil, io.Discard, io.Discard)
	assert.Error(t, err, "stopped watching; flow run id goes on")
}

func mustScheduled(t *testing.T) graphql.State {
	t.Helper()
	s, err := graphql.ParseState([]byte(`{"type": "Scheduled"}`))
	assert.NilError(t, err)
	return s
}
