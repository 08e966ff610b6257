package graphql

import (
	"encoding/json"
	"time"
)

// FlowRun is what the API tells about one flow run that is due. The JSON members are kept as
// they arrived: a broken one must fail its own run, not the poll that read it.
type FlowRun struct {
	ID      string
	Name    string // empty when the API has none
	Version int    // state version, echoed in state updates
	State   string // state type name, e.g. "Scheduled"

	SerializedState json.RawMessage // see ParseState
	RunConfig       json.RawMessage // nil when the run has none
	Flow            Flow
	TaskRuns        []TaskRun // only those that are due
}

// Flow is the part of a flow's record that decides how its runs are launched.
type Flow struct {
	ID          string
	Name        string
	CoreVersion string          // version of Prefect that registered the flow; may be empty
	Storage     json.RawMessage // nil when absent
	Environment json.RawMessage // nil since Prefect 0.16; see the image rules of 0.13
}

// TaskRun is a task run of a flow run whose scheduled state is due.
type TaskRun struct {
	ID              string
	Version         int
	SerializedState json.RawMessage
}

// Log levels of the API's log_level enum.
const (
	LevelInfo  = "INFO"
	LevelError = "ERROR"
)

// RunLog is one line in the log of a flow run.
type RunLog struct {
	FlowRunID string
	Name      string // who writes: the agent's name
	Level     string // LevelInfo, LevelError or another value of log_level
	Message   string
	Timestamp time.Time // zero on writing: the server stamps the time of receipt
}
