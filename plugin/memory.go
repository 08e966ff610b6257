package plugin

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the agent's heap, of a few megabytes, grow to three times what is in use instead of twice:
// a sixth less processor time per launch for 6 MB while it launches; docs/performance.md has the figures.
const gcPercent = 200

// tuneMemory is for processes that stay. GOGC, where set, has the last word.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
