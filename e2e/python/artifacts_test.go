//go:build e2e && python

package python

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestArtifacts(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "artifacts", nil), "Success")
	found := do[[]object](t, object{"task": run.Tasks["publish-1"].ID}, `
		where = {"where": {"task_run_id": {"_eq": task}}, "order_by": {"created": EnumValue("asc")}}
		rows = client.graphql({"query": {with_args("task_run_artifact", where): {"kind", "data"}}}).data.task_run_artifact
		return [{"kind": r.kind, "data": r.data.to_dict()} for r in rows]`)
	assert.DeepEqual(t, found, []object{
		{"kind": "link", "data": object{"link": "https://example.org/2"}},
		{"kind": "markdown", "data": object{"markdown": "# 😀"}},
	})
}
