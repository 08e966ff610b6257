package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/docker/go-units"
)

// pullMessage is one message of the stream that answers a pull. Older engines report an error in both
// of the error members, Podman in the plain one.
type pullMessage struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Progress struct {
		Current int64  `json:"current"`
		Total   int64  `json:"total"`
		Units   string `json:"units"` // empty: bytes
	} `json:"progressDetail"`
	ErrorDetail struct {
		Message string `json:"message"`
	} `json:"errorDetail"`
	Error string `json:"error"`
}

// readPullStream hands each message of a pull to progress until the stream ends. An error inside the
// stream is returned: the status of the answer was 200 long before (1.4.1 docker/agent.py takes it for
// progress and goes on with whatever image is there).
func readPullStream(stream io.Reader, progress func(PullProgress)) error {
	for messages := json.NewDecoder(stream); ; {
		var m pullMessage
		switch err := messages.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the progress stream: %w", err)
		case m.ErrorDetail.Message != "":
			return errors.New(m.ErrorDetail.Message)
		case m.Error != "":
			return errors.New(m.Error)
		}
		progress(PullProgress{Layer: m.ID, Status: m.Status, Detail: m.detail()})
	}
}

// detail is how far a layer is, such as "1.2MB/30MB" or "3 s"; empty where the engine does not say.
func (m pullMessage) detail() string {
	p := m.Progress
	switch {
	case p.Current <= 0:
		return ""
	case p.Units != "":
		return fmt.Sprintf("%d %s", p.Current, p.Units)
	case p.Total <= 0:
		return units.HumanSize(float64(p.Current))
	default:
		return units.HumanSize(float64(p.Current)) + "/" + units.HumanSize(float64(p.Total))
	}
}
