package stub

import (
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// logs answers with the last lines of the output, and with follow=1 stays until the container ends.
func (e *Engine) logs(w http.ResponseWriter, r *http.Request, ctr *container) {
	query := r.URL.Query()
	if !isTrue(query.Get("stdout")) && !isTrue(query.Get("stderr")) {
		message(w, http.StatusBadRequest, "Bad parameters: you must choose at least one stream")
		return
	}
	e.mu.Lock()
	started := ctr.startedAt
	lines, ended, removed, over := slices.Collect(strings.Lines(ctr.life.Output)), ctr.ended, ctr.removed, ctr.status != running
	e.mu.Unlock()
	if tail, err := strconv.Atoi(query.Get("tail")); err == nil && tail >= 0 {
		lines = lines[max(len(lines)-tail, 0):]
	}
	since, err := eventTime(query.Get("since"))
	if err != nil {
		message(w, http.StatusBadRequest, "since is in seconds since 1970")
		return
	}
	if !isTrue(query.Get("stdout")) || started.Before(since) {
		lines = nil
	}
	tty, _ := ctr.config["Tty"].(bool)
	for _, line := range lines {
		if isTrue(query.Get("timestamps")) {
			line = engineTime(started) + " " + line
		}
		if !tty {
			_, _ = w.Write(frame(len(line)))
		}
		_, _ = io.WriteString(w, line) // a client that went away is no concern of the stub
	}
	_ = http.NewResponseController(w).Flush()
	if !isTrue(query.Get("follow")) || over {
		return
	}
	select {
	case <-ended:
	case <-removed:
	case <-r.Context().Done():
	}
}

// frame is what precedes output of stdout where it shares a stream with stderr.
func frame(length int) []byte {
	return binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, uint32(length))
}
