package server

import (
	"slices"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestReferenceData(t *testing.T) {
	a := newAPI(t)
	data := a.read("{ reference_data { state_hierarchy state_info } }")["reference_data"]
	hierarchy, info := get(t, data, "state_hierarchy").(m), get(t, data, "state_info").(m)
	assert.DeepEqual(t, hierarchy["Scheduled"], []any{"Scheduled", "Paused", "Resume", "Retrying"})
	assert.DeepEqual(t, hierarchy["Paused"], []any{"Paused"})
	assert.DeepEqual(t, info["Cached"], m{"color": "#34d058"})
	assert.Equal(t, len(hierarchy), len(info))

	// What it says is what the rest of the backend goes by.
	for _, kind := range kinds() {
		assert.Check(t, info[kind] != nil, kind)
		assert.Check(t, is.Equal(isFinished(kind), slices.Contains(hierarchy["Finished"].([]any), any(kind))), kind)
		assert.Check(t, is.Equal(isRunning(kind), slices.Contains(hierarchy["Running"].([]any), any(kind))), kind)
	}
	assert.Equal(t, len(info), len(kinds())+2) // State and _MetaState are classes only
}
