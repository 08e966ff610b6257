// Package script is what the chaos program and the flow program in the containers agree on: what a flow run's
// container does, and how the run must end because of it.
package script

import (
	"fmt"
	"time"
)

// Kind names what a flow run's container does.
type Kind string

// The kinds of scripts.
const (
	Success   Kind = "success"   // works and reports Success
	Failed    Kind = "failed"    // reports Failed itself and exits with status 0
	Crash     Kind = "crash"     // exits while the run is Running
	Early     Kind = "early"     // exits before it has said Running
	OOM       Kind = "oom"       // takes memory until the kernel kills it
	Hang      Kind = "hang"      // ignores SIGTERM and its cancellation
	Cancelled Kind = "cancelled" // sees Cancelling and reports Cancelled
	Retry     Kind = "retry"     // leaves a task run in Retrying to the agent, and succeeds when deployed again
	Missing   Kind = "missing"   // never runs: its image does not exist
)

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{Success, Failed, Crash, Early, OOM, Hang, Cancelled, Retry, Missing}
}

// Script is the flow run's parameter "script".
type Script struct {
	Kind    Kind          `json:"kind"`
	Work    time.Duration `json:"work"`     // until the end that Kind names
	Code    int           `json:"code"`     // exit status of Crash and Early
	RetryIn time.Duration `json:"retry_in"` // until the task run of Retry is due
}

// MemoryLimit is that of the containers of OOM, as a run config's mem_limit.
const MemoryLimit = "24m"

// Messages of final states that a container reports itself.
const (
	SuccessMessage   = "All reference tasks succeeded."
	FailedMessage    = "Some reference tasks failed."
	CancelledMessage = "Flow run was cancelled by its container."
)

// Expectation is how a flow run must end.
type Expectation struct {
	State      string // of the flow run
	Executions int    // how often a container's process ran for it
	Crashed    bool   // the agent has to report ExitCode
	ExitCode   int
	Message    string // of the final state where the container reports it; empty: any
}

// oomStatus is that of a process killed with SIGKILL.
const oomStatus = 137

// Expect tells how a run of the script ends when nothing is lost, stuck or done twice.
func (s Script) Expect() Expectation {
	switch s.Kind {
	case Success:
		return Expectation{State: "Success", Executions: 1, Message: SuccessMessage}
	case Failed:
		return Expectation{State: "Failed", Executions: 1, Message: FailedMessage}
	case Crash, Early:
		return Expectation{State: "Failed", Executions: 1, Crashed: true, ExitCode: s.Code}
	case OOM:
		return Expectation{State: "Failed", Executions: 1, Crashed: true, ExitCode: oomStatus}
	case Hang, Cancelled:
		return Expectation{State: "Cancelled", Executions: 1}
	case Retry:
		return Expectation{State: "Success", Executions: 2, Message: SuccessMessage}
	case Missing:
		return Expectation{State: "Failed"}
	}
	panic("unknown kind " + string(s.Kind))
}

// IsCancelled tells whether somebody has to cancel the run when it is Running.
func (s Script) IsCancelled() bool { return s.Kind == Hang || s.Kind == Cancelled }

// executionFormat is the run log's line with which every execution begins.
const executionFormat = "Execution %s in container %s"

// ExecutionLine is logged by every execution before it does anything else.
func ExecutionLine(execution, container string) string {
	return fmt.Sprintf(executionFormat, execution, container)
}

// ParseExecutionLine tells which execution a line of the run log announces, if any.
func ParseExecutionLine(line string) (execution, container string, ok bool) {
	n, err := fmt.Sscanf(line, executionFormat, &execution, &container)
	return execution, container, err == nil && n == 2
}
