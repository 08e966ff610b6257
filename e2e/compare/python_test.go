//go:build e2e && python

package compare

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
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

// readStates reads states as Prefect does before it executes a run, and prints what it understood.
const readStates = `
import json, sys
from prefect.serialization.state import StateSchema
for doc in json.load(sys.stdin):
    state = StateSchema().load(doc)
    print(type(state).__name__, type(getattr(state, "state", None)).__name__, sorted(state.context or {}))
`

// The mark in our Submitted states is for us; Prefect, which finds them when its container starts, keeps it.
func TestPrefectReadsTheStatesThatWeSet(t *testing.T) {
	program := filepath.Join(os.Getenv("DOCKER_PREFECT_PYTHON"), "bin", "python")
	var docs []object
	for _, c := range testCases() {
		if c.name == "create fails" || c.name == "task retry is due" {
			docs = append(docs, states(record(t, c, binary, "prefect"))...)
		}
	}
	text, err := json.Marshal(docs)
	assert.NilError(t, err)
	cmd := exec.Command(program, "-c", readStates)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), os.Stderr
	out, err := cmd.Output()
	assert.NilError(t, err)
	assert.Equal(t, string(out), "Submitted Retrying ['docker_prefect']\nSubmitted Scheduled ['docker_prefect']\nFailed NoneType []\n")
}
