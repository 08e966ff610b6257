//go:build e2e

// Package compare holds our agent against the unmodified agent of Prefect 1.4.1: same arguments, same
// queue, same engine; what does each ask?
package compare

import (
	"bytes"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"
)

// binary is the plugin that `make build` left; it runs without the docker CLI as with it.
const binary = "../../bin/docker-prefect"

func TestAgentAsksWhatPythonAsksButForKnownDifferences(t *testing.T) {
	for _, c := range testCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expected := decode(t, golden.Get(t, recordingOf(c)))
			for _, d := range differences() {
				if !d.shows(c) {
					continue
				}
				before := encode(t, expected)
				expected = d.apply(t, expected)
				if len(d.cases) > 0 && bytes.Equal(before, encode(t, expected)) {
					t.Errorf("%q (%s) makes no difference here; take the case off its list", d.name, d.reason)
				}
			}
			asked := record(t, c, binary, "prefect")
			assert.DeepEqual(t, expected, asked)
		})
	}
}
