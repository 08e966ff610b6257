package agent

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestTheCommandSuitsTheVersionThatRegisteredTheFlow(t *testing.T) {
	for version, want := range map[string]string{
		"0.13.0":        "flow-run",
		"0.13.0+5.gabc": "flow-run",
		"0.13.0.post1":  "flow-run",
		"0.14.22":       "flow-run",
		"1.4.1":         "flow-run",
		"v1.0":          "flow-run",
		"0.12.6":        "cloud-flow",
		"0.12.6+50.g1":  "cloud-flow",
		"0.13.0rc1":     "cloud-flow",
		"0.13.0.dev0":   "cloud-flow",
		"0.9":           "cloud-flow",
		"":              "flow-run", // goes with the image "latest"; Python: cloud-flow
		"master":        "flow-run", // Python: fails the run
	} {
		assert.Check(t, is.Equal(strings.Join(flowRunCommand(version), " "), "prefect execute "+want), "version %q", version)
	}
}
