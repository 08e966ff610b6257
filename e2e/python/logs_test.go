//go:build e2e && python

package python

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestThousandsOfLogLinesArriveOnceInOrder(t *testing.T) {
	const n = 5000
	id := runFlow(t, "chatter", object{"n": n}) // before the others: it takes longest
	t.Parallel()
	run := finish(t, id, "Success")
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

func TestMegabytesOfLogsArrive(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "megabytes", nil), "Success")
	for letter, n := range map[string]int{"a": 900_000, "b": 900_000, "é": 200_000, "😀": 200_000} {
		assert.Check(t, slices.Contains(run.Logs, strings.Repeat(letter, n)), "no line of %s", letter)
	}
}
