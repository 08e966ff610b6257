//go:build e2e && python

package compare

import (
	"os"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"
)

// The recordings are what the unmodified agent of Prefect 1.4.1 does. DOCKER_PREFECT_PYTHON is a virtual
// environment that has it.
func TestPythonAgentAsksWhatWasRecorded(t *testing.T) {
	program := filepath.Join(os.Getenv("DOCKER_PREFECT_PYTHON"), "bin", "prefect")
	for _, c := range testCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asked := record(t, c, program)
			if golden.FlagUpdate() {
				golden.AssertBytes(t, encode(t, asked), recordingOf(c))
			}
			assert.DeepEqual(t, decode(t, golden.Get(t, recordingOf(c))), asked)
		})
	}
}
