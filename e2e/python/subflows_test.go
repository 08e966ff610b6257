//go:build e2e && python

package python

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestSubflow(t *testing.T) {
	t.Parallel()
	parent := finish(t, runFlow(t, "parent", nil), "Success")
	logged(t, parent, "doubling 21") // the child's log, streamed
	logged(t, parent, "the child says 42")
	children := do[[]flowRun](t, nil, `
		runs = client.graphql('{ flow_run(where: {name: {_eq: "the child"}}) { id } }').data.flow_run
		return [flow_run(r.id) for r in runs]`)
	assert.Equal(t, len(children), 1)
	assert.DeepEqual(t, children[0].States, through("Success"))
	assert.DeepEqual(t, children[0].Parameters, object{"x": 21.0})
}

func TestStartFlowRunWaits(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "parent-of-old", nil), "Success")
	history(t, run, "Flow child-1", "Pending", "Running", "Success")
}

func TestRenameFlowRun(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "renames-itself", nil), "Success")
	assert.Equal(t, run.Name, "a better name")
}
