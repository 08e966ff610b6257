package agent

import (
	"context"
	"encoding/json"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// API is what the agent asks of Prefect. *graphql.Client is the implementation.
//
// Each call is tried once and may come from many goroutines. Errors are of the kinds in package
// graphql: ErrTemporary may be tried again, ErrClaimed means that somebody else has the run.
type API interface {
	// DefaultTenant returns the tenant to work for and uses it from then on.
	DefaultTenant(ctx context.Context) (string, error)
	// RegisterAgent returns the agent's id, which later calls carry.
	RegisterAgent(ctx context.Context, name string, labels []string, configID string) (string, error)
	// AgentConfig returns the settings of an agent config record.
	AgentConfig(ctx context.Context, id string) (json.RawMessage, error)
	// Hello is the API's test query.
	Hello(ctx context.Context) error
	// RunsInQueue returns ids of runs that start before the given time and match the labels.
	RunsInQueue(ctx context.Context, before time.Time, labels []string) ([]string, error)
	// DueFlowRuns returns those of the runs that may be launched, with task runs due at the given time.
	DueFlowRuns(ctx context.Context, ids []string, due time.Time) ([]graphql.FlowRun, error)
	// Holder tells the state type of a run and the id of the agent that last submitted it.
	Holder(ctx context.Context, runID string) (state, agentID string, err error)
	// TaskRuns returns a flow run's task runs, mapped children excepted.
	TaskRuns(ctx context.Context, flowRunID string) ([]graphql.TaskRun, error)
	// SetFlowRunState sets a flow run's state; version is the one that was read.
	SetFlowRunState(ctx context.Context, runID string, version int, state graphql.State) error
	// SetTaskRunState sets a task run's state; version is the one that was read.
	SetTaskRunState(ctx context.Context, taskRunID string, version int, state graphql.State) error
	// WriteRunLogs appends lines to the logs of flow runs.
	WriteRunLogs(ctx context.Context, lines ...graphql.RunLog) error
}
