package script

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestEveryScriptHasItsEnd(t *testing.T) {
	for kind, want := range map[Kind]Expectation{
		Success:   {State: "Success", Executions: 1, Message: SuccessMessage},
		Failed:    {State: "Failed", Executions: 1, Message: FailedMessage},
		Crash:     {State: "Failed", Executions: 1, Crashed: true, ExitCode: 42},
		Early:     {State: "Failed", Executions: 1, Crashed: true, ExitCode: 42},
		OOM:       {State: "Failed", Executions: 1, Crashed: true, ExitCode: 137},
		Hang:      {State: "Cancelled", Executions: 1},
		Cancelled: {State: "Cancelled", Executions: 1},
		Retry:     {State: "Success", Executions: 2, Message: SuccessMessage},
		Missing:   {State: "Failed"},
	} {
		assert.DeepEqual(t, Script{Kind: kind, Code: 42, Work: time.Second}.Expect(), want)
	}
	for _, kind := range Kinds() {
		assert.Assert(t, Script{Kind: kind}.Expect().State != "", kind)
	}
}

func TestExecutionLinesAreReadBack(t *testing.T) {
	execution, container, ok := ParseExecutionLine(ExecutionLine("ab12", "0123456789ab"))
	assert.Assert(t, ok)
	assert.Equal(t, execution, "ab12")
	assert.Equal(t, container, "0123456789ab")
	_, _, ok = ParseExecutionLine("Submitted for execution: Container ID: 0123")
	assert.Assert(t, !ok)
}
