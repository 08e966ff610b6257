package server

import (
	"strings"
	"sync"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// atOnce calls f from many goroutines and gives what they got.
func atOnce[T any](n int, f func(i int) T) []T {
	results := make([]T, n)
	start := make(chan struct{})
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			<-start
			results[i] = f(i)
		})
	}
	close(start)
	wait.Wait()
	return results
}

func TestOneTaskRunForManyThatAskAtOnce(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	task := get(t, a.read("{ task { id } }"), "task", 0, "id")
	ids := atOnce(20, func(i int) any {
		got := a.mutate("get_or_create_task_run_info", "id", m{"flow_run_id": run, "task_id": task, "map_index": i % 2})
		return get(t, got.Data, "get_or_create_task_run_info", "id")
	})
	different := map[any]bool{}
	for _, id := range ids {
		different[id] = true
	}
	assert.Equal(t, len(different), 2)
	assert.Check(t, is.Len(a.read("{ task_run(where: {map_index: {_gte: 0}}) { id } }")["task_run"], 2))
}

func TestOneAgentOfManySubmitsARun(t *testing.T) {
	a := newAPI(t)
	b := openAPI(t, a.place) // a second server on the same database
	run := a.run(a.register("p", flowOf("f", "a")))
	answers := atOnce(16, func(i int) answer {
		server := []*api{a, b}[i%2]
		return server.mutate("set_flow_run_states", "states { id }", m{"states": []any{m{"flow_run_id": run, "state": stateOf("Submitted")}}})
	})
	won := 0
	for _, got := range answers {
		if len(got.Errors) == 0 {
			won++
			continue
		}
		assert.Check(t, is.Contains(got.Errors[0].Message, "State update failed"))
	}
	assert.Equal(t, won, 1)
}

func TestOneFlowRunForOneKey(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f", "a"))
	ids := atOnce(10, func(int) any {
		return get(t, a.mutate("create_flow_run", "id", m{"flow_id": flow, "idempotency_key": "k"}).Data, "create_flow_run", "id")
	})
	for _, id := range ids {
		assert.Equal(t, id, ids[0])
	}
	assert.Check(t, is.Len(a.read("{ task_run(limit: 100) { id } }")["task_run"], 1))
}

func TestTwoServersOnOneDatabase(t *testing.T) {
	place := newPlace(t)
	a, b := openAPI(t, place), openAPI(t, place)
	assert.Equal(t, a.tenant(), b.tenant())
	flow := a.register("p", flowOf("f", "a"))
	results := atOnce(40, func(i int) string {
		got := []*api{a, b}[i%2].mutate("create_flow_run", "id", m{"flow_id": flow})
		return strings.Join(strings.Fields(got.body), " ")
	})
	for _, body := range results {
		assert.Check(t, !strings.Contains(body, "errors"), body)
	}
	assert.Check(t, is.Len(b.read("{ flow_run(limit: 100) { id } }")["flow_run"], 40))
}
