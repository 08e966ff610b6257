//go:build python

package schedule

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"
)

// Beside the recording, schedules that it does not have. DOCKER_PREFECT_PYTHON is a virtual environment that has
// Prefect 1.4.1; DOCKER_PREFECT_SEED, any number, makes others.
func TestEventsAreThoseThatPythonComputesNow(t *testing.T) {
	python := filepath.Join(os.Getenv("DOCKER_PREFECT_PYTHON"), "bin", "python")
	seed := "2026"
	if given := os.Getenv("DOCKER_PREFECT_SEED"); given != "" {
		seed = given
	}
	cmd := exec.Command(python, "testdata/events.py", seed, "60")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	assert.NilError(t, err)
	compareWithPython(t, bytes.NewReader(out))
}
