package main

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestShortChangesOnlyWhatIsNotGiven(t *testing.T) {
	full, err := parseOptions(nil)
	assert.NilError(t, err)
	assert.Assert(t, full.runs >= 300 && full.kills >= 50 && full.engineRestarts >= 3)
	short, err := parseOptions([]string{"-kills", "9", "-short"})
	assert.NilError(t, err)
	assert.Equal(t, short.kills, 9)
	assert.Equal(t, short.runs, 40)
	_, err = parseOptions([]string{"-agents", "0"})
	assert.ErrorContains(t, err, "at least one")
}
