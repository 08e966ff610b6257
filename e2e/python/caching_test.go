//go:build e2e && python

package python

import "testing"

func TestCaching(t *testing.T) {
	t.Parallel()
	first := finish(t, runFlow(t, "caching", nil), "Success")
	second := runFlow(t, "caching", nil)
	others := runFlow(t, "caching", object{"x": 2})
	elsewhere := finish(t, runFlow(t, "caching-elsewhere", nil), "Success")
	again, different := finish(t, second, "Success"), finish(t, others, "Success")
	for _, task := range []string{"by_task-1", "by_key-1", "by_parameters-1"} {
		history(t, first, task, "Pending", "Running", "Success", "Cached")
		if task != "by_parameters-1" {
			history(t, different, task, "Pending", "Cached")
		}
		history(t, again, task, "Pending", "Cached")
	}
	history(t, different, "by_parameters-1", "Pending", "Running", "Success", "Cached")
	history(t, elsewhere, "by_key-1", "Pending", "Cached")
	logged(t, again, "values ['by task', 'by key', 1]")
	logged(t, different, "values ['by task', 'by key', 2]")
}
