//go:build e2e && python

package python

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestSequence(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "sequence", object{"greeting": "bonjour"}), "Success")
	assert.DeepEqual(t, run.States, through("Success"))
	for _, task := range []string{"x", "greeting", "extract-1", "load-1"} {
		history(t, run, task, "Pending", "Running", "Success")
	}
	assert.DeepEqual(t, run.Parameters, object{"x": 41.0, "greeting": "bonjour"})
	logged(t, run, "bonjour 42")
}

func TestParameters(t *testing.T) {
	t.Parallel()
	defaults, given := runFlow(t, "parameters", nil), runFlow(t, "parameters", object{"a": 1, "d": "ü", "e": nil})
	run := finish(t, defaults, "Success")
	assert.DeepEqual(t, run.Parameters, object{"e": object{"f": 1.0}})
	logged(t, run, "values [0, '', [], None, {'f': 1}]")
	run = finish(t, given, "Success")
	assert.DeepEqual(t, run.Parameters, object{"a": 1.0, "d": "ü", "e": nil})
	logged(t, run, "values [1, '', [], 'ü', None]")
}
