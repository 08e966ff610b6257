package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/singleflight"
)

// ErrElsewhere is returned by a launch of an execution that another agent has launched on the same engine.
var ErrElsewhere = errors.New("another agent launched it")

// Launcher runs what the agent decided on. The agent knows nothing else about where flow runs
// execute: a single container engine (EngineLauncher), or one day a cluster's jobs.
//
// Calls may come from many goroutines.
type Launcher interface {
	Containers
	// Check tells whether launches can work at present.
	Check(ctx context.Context) error
	// Info describes the engine that launches run on.
	Info(ctx context.Context) (EngineInfo, error)
	// Reserve creates the container of a spec without starting it, so that nobody else can: a Launch of the
	// same spec starts it. Its errors, and what it returns for a repetition, are those of Launch.
	Reserve(ctx context.Context, spec Spec) (Container, error)
	// Launch executes a spec and returns the container's id. To repeat it is safe: the container that an
	// earlier launch of the same spec made, or started, is returned. After errdefs.ErrUnavailable what was
	// done is not known; after any other error nothing of it is left behind.
	Launch(ctx context.Context, spec Spec) (id string, err error)
}

// EngineLauncher launches containers on one engine: pull, volumes, create, networks, start.
type EngineLauncher struct {
	Containers
	engine Engine
	log    *slog.Logger
	starts chan struct{} // bounds create and start, which an engine does slower in parallel
	pulls  singleflight.Group
}

// NewEngineLauncher returns a launcher that creates and starts at most parallel containers at a time.
func NewEngineLauncher(engine Engine, parallel int, log *slog.Logger) *EngineLauncher {
	return &EngineLauncher{Containers: engine, engine: engine, log: log, starts: make(chan struct{}, max(parallel, 1))}
}

// Check pings the engine.
func (l *EngineLauncher) Check(ctx context.Context) error { return l.engine.Ping(ctx) }

// Info describes the engine.
func (l *EngineLauncher) Info(ctx context.Context) (EngineInfo, error) { return l.engine.Info(ctx) }

// Reserve creates a container, or finds the one that there is.
func (l *EngineLauncher) Reserve(ctx context.Context, spec Spec) (Container, error) {
	var c Container
	err := l.inTurn(ctx, spec, func() (err error) {
		c, err = l.obtain(ctx, spec)
		return err
	})
	return c, err
}

// Launch creates and starts a container, or starts the one that was created, or finds the one that was started.
func (l *EngineLauncher) Launch(ctx context.Context, spec Spec) (id string, err error) {
	err = l.inTurn(ctx, spec, func() error {
		c, err := l.obtain(ctx, spec)
		id = c.ID
		if err != nil || !c.neverBegan() {
			return err
		}
		err = l.start(ctx, c, spec)
		if err == nil || errdefs.IsUnavailable(err) || ctx.Err() != nil {
			return err
		}
		return errors.Join(err, l.discard(ctx, c.ID))
	})
	return id, err
}

// inTurn pulls outside the bound on creation and start, so that a slow registry does not hold up other images.
func (l *EngineLauncher) inTurn(ctx context.Context, spec Spec, work func() error) error {
	if spec.Pull {
		if err := l.pull(ctx, spec.Image); err != nil {
			return err
		}
	}
	select {
	case l.starts <- struct{}{}:
		defer func() { <-l.starts }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for _, name := range spec.NamedVolumes {
		if err := l.engine.EnsureVolume(ctx, name); err != nil {
			return err
		}
	}
	return work()
}

// pull fetches an image once for all launches that wait for it at the same time.
func (l *EngineLauncher) pull(ctx context.Context, image string) error {
	_, err, _ := l.pulls.Do(image, func() (any, error) {
		l.log.Info("Pulling image " + image + "...")
		if err := l.engine.Pull(ctx, image, l.progress(image)); err != nil {
			return nil, err
		}
		l.log.Info("Successfully pulled image " + image)
		return nil, nil
	})
	return err
}

// progressInterval is how often a pull says how far it is; each message of the engine is a debug line.
const progressInterval = 5 * time.Second

func (l *EngineLauncher) progress(image string) func(PullProgress) {
	said := time.Now()
	return func(p PullProgress) {
		level := slog.LevelDebug
		if now := time.Now(); p.Detail != "" && now.Sub(said) >= progressInterval {
			level, said = slog.LevelInfo, now
		}
		l.log.Log(context.Background(), level, p.Status, "image", image, "layer", p.Layer, "progress", p.Detail)
	}
}

// maxNames bounds the search for a free container name; Python's has no bound.
const maxNames = 1000

// obtain creates the container, or finds the one that an earlier launch of the same execution made. A name that
// somebody else's container has is numbered, name-1, name-2 … (1.4.1 docker/agent.py).
func (l *EngineLauncher) obtain(ctx context.Context, spec Spec) (Container, error) {
	if spec.Reserved != "" {
		if found, err := l.engine.Inspect(ctx, spec.Reserved); !errdefs.IsNotFound(err) {
			return found.Container, err
		}
	}
	l.log.Debug("Creating Docker container " + spec.Image)
	base := spec.Name
	for n := 1; n <= maxNames; n++ {
		id, err := l.engine.Create(ctx, spec)
		if !errors.Is(err, ErrNameTaken) {
			return Container{ID: id, Name: spec.Name, State: stateCreated}, err
		}
		found, err := l.engine.Inspect(ctx, spec.Name)
		switch {
		case errdefs.IsNotFound(err):
			continue // it has just gone
		case err != nil:
			return Container{}, err
		case found.runID() != spec.Labels[labelFlowRunID] || found.attempt() != spec.Labels[labelAttempt]:
			spec.Name = base + "-" + strconv.Itoa(n)
		case found.Labels[labelAgent] != spec.Labels[labelAgent]:
			return Container{}, fmt.Errorf("container %q: %w", spec.Name, ErrElsewhere)
		default:
			l.log.Debug("Docker container "+short(found.ID)+" is there already", "state", found.State)
			return found.Container, nil
		}
	}
	return Container{}, fmt.Errorf("create container: %q and %d names after it are taken; remove old containers", base, maxNames)
}

func (l *EngineLauncher) start(ctx context.Context, c Container, spec Spec) error {
	for _, network := range spec.Networks[min(1, len(spec.Networks)):] {
		if err := l.engine.Connect(ctx, network, c.ID); err != nil {
			return err
		}
	}
	l.log.Debug(fmt.Sprintf("Starting Docker container with ID %s and name '%s'", c.ID, c.Name))
	if err := l.engine.Start(ctx, c.ID); err != nil {
		return err
	}
	l.log.Debug("Docker container " + c.ID + " started")
	return nil
}

// discard removes a container that could not be started.
func (l *EngineLauncher) discard(ctx context.Context, id string) error {
	if err := l.engine.Remove(ctx, id); err != nil {
		return fmt.Errorf("and its container %.12s is left behind: %w", id, err)
	}
	return nil
}
