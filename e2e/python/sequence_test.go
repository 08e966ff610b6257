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
