//go:build e2e && python

package python

import (
	"fmt"
	"testing"
)

func TestLocalDaskExecutorWithThreads(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "dask-threads", nil), "Success")
	history(t, run, "inc-1", "Pending", "Mapped")
	for i := range 20 {
		history(t, run, fmt.Sprintf("inc-1/%d", i), "Pending", "Running", "Success")
		history(t, run, fmt.Sprintf("inc-2/%d", i), "Pending", "Running", "Success")
	}
	logged(t, run, "total 230")
}

func TestLocalDaskExecutorWithProcesses(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "dask-processes", nil), "Success")
	for i := range 8 {
		history(t, run, fmt.Sprintf("inc-1/%d", i), "Pending", "Running", "Success")
	}
	history(t, run, "total-1", "Pending", "Running", "Success") // Prefect loses the logs of these processes
}
