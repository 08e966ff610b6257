//go:build e2e && python

package python

import (
	"fmt"
	"testing"

	"gotest.tools/v3/assert"
)

func TestMappedTaskWithHundredsOfChildren(t *testing.T) {
	const n = 200
	id := runFlow(t, "mapping", object{"n": n}) // before the others: it takes longest
	t.Parallel()
	run := finish(t, id, "Success")
	history(t, run, "square-1", "Pending", "Mapped")
	for i := range n {
		child := fmt.Sprintf("square-1/%d", i)
		history(t, run, child, "Pending", "Running", "Success")
		assert.Equal(t, run.Tasks[child].Name, fmt.Sprintf("%d squared", i))
	}
	history(t, run, "pair-1", "Pending", "Mapped")
	sum := 0
	for i := range n {
		sum += i*i + 1
	}
	logged(t, run, fmt.Sprintf("total %d of %d, 4 in pairs", sum, n))
	// Of a mapped parent, Prefect's view knows all children.
	assert.Equal(t, do[int](t, object{"id": run.ID}, `
		parent = FlowRunView.from_flow_run_id(id).get_task_run("square-1")
		return len(list(parent.iter_mapped()))`), n)
}
