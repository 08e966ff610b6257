//go:build python

package schedule

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// Beside the recording, schedules that nobody has seen before. DOCKER_PREFECT_PYTHON is a virtual environment that has
// Prefect 1.4.1.
func TestEventsAreThoseThatPythonComputesNow(t *testing.T) {
	python := filepath.Join(os.Getenv("DOCKER_PREFECT_PYTHON"), "bin", "python")
	seed := time.Now().Unix()
	t.Logf("testdata/events.py %d 60", seed)
	cmd := exec.Command(python, "testdata/events.py", fmt.Sprint(seed), "60")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	assert.NilError(t, err)
	compareWithPython(t, bytes.NewReader(out))
}
