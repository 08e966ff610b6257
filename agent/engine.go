package agent

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrNameTaken is returned by Engine.Create when a container of that name exists.
var ErrNameTaken = errors.New("container name is taken")

// EngineInfo identifies a container engine.
type EngineInfo struct {
	ID         string // unique; empty where the engine does not tell
	Name       string // host name of the engine
	Version    string // e.g. "28.5.2"
	APIVersion string // as negotiated, e.g. "1.41"
	OSType     string // of the containers: "linux" or "windows"
	CPUs       int    // that the engine has; 0: not known
}

// Engine is what the agent asks of a container engine. Docker is the implementation.
//
// Calls may come from many goroutines. Errors keep the kinds of github.com/containerd/errdefs, so
// that callers branch on kinds, never on texts; a request without an answer is errdefs.ErrUnavailable.
type Engine interface {
	Containers
	// Ping tells whether the engine answers.
	Ping(ctx context.Context) error
	// Info describes the engine; the first good answer is kept for the process's lifetime.
	Info(ctx context.Context) (EngineInfo, error)
	// Pull fetches an image with the credentials that the Docker CLI has for its registry at this
	// moment. An error inside the progress stream is an error. progress may be nil.
	Pull(ctx context.Context, image string, progress func(PullProgress)) error
	// EnsureVolume creates a named volume unless it exists.
	EnsureVolume(ctx context.Context, name string) error
	// Create makes the container without starting it and returns its full id; ErrNameTaken if
	// spec.Name is in use. Only the first of spec.Networks is attached.
	Create(ctx context.Context, spec Spec) (id string, err error)
	// Connect attaches a created container to one more network; an attached one is not an error.
	Connect(ctx context.Context, network, id string) error
	// Start starts a created container; a started one is not an error.
	Start(ctx context.Context, id string) error
}

// Containers is what the agent asks about flow containers that exist: those with the label
// io.prefect.flow-run-id, whoever made them.
type Containers interface {
	// Events tells what happens to flow containers, from the moment it returns until the stream breaks,
	// when the second channel receives why.
	Events(ctx context.Context) (<-chan Event, <-chan error)
	// List returns all flow containers, in whatever state.
	List(ctx context.Context) ([]Container, error)
	// Inspect looks at one container, by id or name.
	Inspect(ctx context.Context, id string) (ContainerDetails, error)
	// ImageDigest returns the repository digest of an image id, or the id itself where it has none.
	ImageDigest(ctx context.Context, imageID string) (string, error)
	// Logs copies a container's output to w.
	Logs(ctx context.Context, id string, opts LogsOptions, w io.Writer) error
	// Stop asks a running container to end, and kills it after the grace time; one that has ended or is
	// missing is not an error.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Remove deletes a container, running or not; a missing one is not an error.
	Remove(ctx context.Context, id string) error
}

// States of a container, as the engine names them.
const (
	stateCreated = "created"
	stateExited  = "exited"
	stateDead    = "dead"
	stateRunning = "running"
)

// Container is a flow container as a list or an event shows it.
type Container struct {
	ID      string
	Name    string // without the slash
	State   string // "created", "running", "paused", "restarting", "removing", "exited" or "dead"
	Created time.Time
	Labels  map[string]string
}

// ContainerDetails is what only an inspection tells.
type ContainerDetails struct {
	Container
	ExitCode   int
	OOMKilled  bool // the engine saw the kernel kill a process of it for lack of memory
	FinishedAt time.Time
	Image      string // as the flow names it
	ImageID    string
	Memory     int64 // limit in bytes; 0: none
}

// EventKind is what happened to a container, as the engine names it.
type EventKind string

// The events that matter here.
const (
	EventCreate  EventKind = "create"
	EventStart   EventKind = "start"
	EventOOM     EventKind = "oom"
	EventDie     EventKind = "die"
	EventDestroy EventKind = "destroy"
)

// Event is something that happened to a flow container. Of the container, Created is not known.
type Event struct {
	Kind      EventKind
	Container Container
	ExitCode  int // of EventDie
}

// LogsOptions choose what of a container's output is copied. The zero value is all there is by now.
type LogsOptions struct {
	Follow     bool      // go on until the container ends
	Tail       int       // only the last lines; 0: all
	Since      time.Time // only what was written later; zero: all
	Timestamps bool      // begin each line with its time, RFC 3339 with nanoseconds, and a blank
}

// PullProgress is one message of a pull's progress stream.
type PullProgress struct {
	Layer  string // short id of the layer; empty for messages about the whole image
	Status string // e.g. "Downloading", "Pull complete"
	Detail string // e.g. "[==> ] 1.2MB/3MB"; may be empty
}
