package server

import (
	"encoding/json"
	"testing"

	"gotest.tools/v3/assert"
)

func TestMappedChildrenAreSummedUp(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a", "b")))
	a.setFlowRun(run, "Running")
	parents := a.taskRuns(run)
	sum := func(taskRun string) any {
		return a.read("query($id: UUID!) { mapped_children(task_run_id: $id) { min_start_time max_end_time state_counts } }", m{"id": taskRun})["mapped_children"]
	}
	none := m{"min_start_time": nil, "max_end_time": nil, "state_counts": m{}}
	assert.DeepEqual(t, sum(parents["a"]), none)
	assert.DeepEqual(t, sum(unknownID), none)

	task := get(t, a.read(`{ task(where: {slug: {_eq: "a"}}) { id } }`), "task", 0, "id")
	var children []string
	for i := range 4 {
		children = append(children, a.do("get_or_create_task_run", "id", m{"flow_run_id": run, "task_id": task, "map_index": i})["id"].(string))
	}
	a.setTaskRun(children[0], "Running")
	a.setTaskRun(children[1], "Running")
	a.setTaskRun(children[1], "Success")
	a.setTaskRun(children[2], "Running")
	a.setTaskRun(children[2], "Success")
	times := a.read("{ task_run_aggregate(where: {map_index: {_gte: 0}}) { aggregate { min { start_time } max { end_time } } } }")
	assert.DeepEqual(t, sum(parents["a"]), m{
		"min_start_time": get(t, times, "task_run_aggregate", "aggregate", "min", "start_time"),
		"max_end_time":   get(t, times, "task_run_aggregate", "aggregate", "max", "end_time"),
		"state_counts":   m{"Pending": json.Number("1"), "Running": json.Number("1"), "Success": json.Number("2")},
	})
	assert.DeepEqual(t, sum(children[0]), none) // not a parent
	assert.DeepEqual(t, sum(parents["b"]), none)
}
