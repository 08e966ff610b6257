package agent

import (
	"context"
	"errors"
	"io"
)

// ErrNameTaken is returned by Engine.Create when a container of that name exists.
var ErrNameTaken = errors.New("container name is taken")

// EngineInfo identifies a container engine.
type EngineInfo struct {
	Name       string // host name of the engine
	Version    string // e.g. "28.5.2"
	APIVersion string // as negotiated, e.g. "1.41"
	OSType     string // of the containers: "linux" or "windows"
	CPUs       int    // that the engine has; 0: not known
}

// Engine is what the agent asks of a container engine. Docker is the implementation.
//
// Calls may come from many goroutines. Errors keep the kinds of github.com/containerd/errdefs, so
// that callers branch on kinds, never on texts.
type Engine interface {
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
	// Connect attaches a created container to one more network.
	Connect(ctx context.Context, network, id string) error
	// Start starts a created container; a started one is not an error.
	Start(ctx context.Context, id string) error
	// Remove deletes a container, running or not; a missing one is not an error.
	Remove(ctx context.Context, id string) error
	// Logs copies a container's output from its beginning to w until it ends or ctx is cancelled.
	Logs(ctx context.Context, id string, w io.Writer) error
	// Wait blocks until a container that has not exited yet does so, and returns its exit code. It
	// must be called before Start to be sure to see the end of a short-lived container: the first
	// channel receives once, or the second does. Both are buffered.
	Wait(ctx context.Context, id string) (<-chan int, <-chan error)
}

// PullProgress is one message of a pull's progress stream.
type PullProgress struct {
	Layer  string // short id of the layer; empty for messages about the whole image
	Status string // e.g. "Downloading", "Pull complete"
	Detail string // e.g. "[==> ] 1.2MB/3MB"; may be empty
}
