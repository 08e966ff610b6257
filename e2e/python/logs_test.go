//go:build e2e && python

package python

import (
	"fmt"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestThousandsOfLogLinesArriveOnceInOrder(t *testing.T) {
	t.Parallel()
	const n = 5000
	run := finish(t, runFlow(t, "chatter", object{"n": n}), "Success")
	var lines, want []string
	for _, line := range run.Logs {
		if len(line) > 4 && line[:4] == "line" || line == "that was it" {
			lines = append(lines, line)
		}
	}
	for i := range n {
		want = append(want, fmt.Sprintf("line %d of %d: naïve ☃ 😀\n\tand its second line", i, n))
	}
	assert.Assert(t, is.DeepEqual(lines, append(want, "that was it")))
}
