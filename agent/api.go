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
	// ClaimedRuns returns runs that this agent submitted, and running ones with submitted task runs.
	ClaimedRuns(ctx context.Context) ([]graphql.FlowRun, error)
	// FlowRunStatus reads what decides what the end of a container means; no state: there is no such run.
	FlowRunStatus(ctx context.Context, runID string) (graphql.RunStatus, error)
	// FlowRunStates returns the state type of each run that exists.
	FlowRunStates(ctx context.Context, ids []string) (map[string]string, error)
	// DueOfTenant returns the oldest runs that are due, whatever their labels.
	DueOfTenant(ctx context.Context, now time.Time, limit int) ([]graphql.QueuedRun, error)
	// LastLogTime returns when a logger wrote its last line to a run's log; zero: never.
	LastLogTime(ctx context.Context, runID, logger string) (time.Time, error)
	// RunningTaskRuns returns a flow run's task runs that are Running.
	RunningTaskRuns(ctx context.Context, flowRunID string) ([]graphql.TaskRun, error)
	// TaskRuns returns a flow run's task runs, mapped children excepted.
	TaskRuns(ctx context.Context, flowRunID string) ([]graphql.TaskRun, error)
	// SetFlowRunState sets a flow run's state; version is the one that was read.
	SetFlowRunState(ctx context.Context, runID string, version int, state graphql.State) error
	// SetTaskRunState sets a task run's state; version is the one that was read.
	SetTaskRunState(ctx context.Context, taskRunID string, version int, state graphql.State) error
	// UpdateFlowRunHeartbeat says that a flow run lives.
	UpdateFlowRunHeartbeat(ctx context.Context, runID string) error
	// WriteRunLogs appends lines to the logs of flow runs.
	WriteRunLogs(ctx context.Context, lines ...graphql.RunLog) error
}
