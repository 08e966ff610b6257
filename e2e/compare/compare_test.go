//go:build e2e

// Package compare holds our agent against the unmodified agent of Prefect 1.4.1: same arguments, same
// queue, same engine; what does each ask?
package compare

import (
	"bytes"
	"cmp"
	"os"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"
)

// binary is the plugin that DOCKER_PREFECT_BINARY names, else the one that `make build` left; it runs without
// the docker CLI as with it.
var binary = cmp.Or(os.Getenv("DOCKER_PREFECT_BINARY"), "../../bin/docker-prefect")

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
