package agent

import (
	"fmt"
	"time"

	"github.com/docker/go-units"
)

// exit is how a container ended.
type exit struct {
	known    bool      // false: the container is gone, and no event told
	code     int       // status of its process
	oom      bool      // the engine says that the kernel killed a process for lack of memory
	memory   int64     // its limit in bytes; 0: none
	finished time.Time // by the engine's clock; zero: not known
	stopped  string    // why this agent ended it; empty: it did not
}

// exitHints say what a status usually means, where it means something (docker's and the shell's conventions;
// 128 and more: the number of a signal).
var exitHints = map[int]string{
	125: "a wrapper such as env or timeout failed before it ran its command",
	126: "its command cannot be executed; look at the file's mode and format, and at the image's platform",
	127: "its command was not found; is Prefect installed in the image?",
	130: "SIGINT, as from Ctrl-C",
	134: "SIGABRT, as from a failed assertion in a native library",
	137: "SIGKILL, as from 'docker kill', or from a machine that is out of memory",
	139: "SIGSEGV, a crash in native code",
	143: "SIGTERM, as from 'docker stop', or from an engine that was stopped",
}

const killed = 137

// String says it in one sentence.
func (e exit) String() string {
	if !e.known {
		return "The container is gone; how it ended is not known."
	}
	text := fmt.Sprintf("The container exited with status %d", e.code)
	switch {
	case e.stopped != "":
		text += " (" + e.stopped + ")"
	case e.outOfMemory():
		text += ", probably out of memory"
		if e.memory > 0 {
			text += "; its limit is " + units.BytesSize(float64(e.memory))
		}
	case exitHints[e.code] != "":
		text += " (" + exitHints[e.code] + ")"
	}
	return text + "."
}

// outOfMemory weighs the evidence: the engine's flag misses cases on some kernels, and a limit makes the
// kernel the likeliest sender of a SIGKILL.
func (e exit) outOfMemory() bool {
	return e.code != 0 && e.oom || e.code == killed && e.memory > 0
}
