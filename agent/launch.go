package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"golang.org/x/sync/singleflight"
)

// Launcher runs what the agent decided on. The agent knows nothing else about where flow runs
// execute: a single container engine (EngineLauncher), or one day a cluster's jobs.
//
// Calls may come from many goroutines.
type Launcher interface {
	// Check tells whether launches can work at present.
	Check(ctx context.Context) error
	// Info describes the engine that launches run on.
	Info(ctx context.Context) (EngineInfo, error)
	// Launch executes a spec. Nothing of it is left behind when it returns an error.
	Launch(ctx context.Context, spec Spec) (Launched, error)
	// Logs copies the output of a launched container from its beginning until it ends.
	Logs(ctx context.Context, id string, w io.Writer) error
	// Remove deletes a supervised container that has ended; the others remove themselves.
	Remove(ctx context.Context, id string) error
}

// Launched is a started container.
type Launched struct {
	ID          string      // full container id
	Exit        <-chan Exit // receives once, for a supervised spec; nil otherwise
	RemoveAfter bool        // the container is to be removed after its exit
}

// Exit tells how a container ended.
type Exit struct {
	Code int
	Err  error // the engine lost sight of the container; Code means nothing then
}

// EngineLauncher launches containers on one engine: pull, volumes, create, networks, start.
type EngineLauncher struct {
	engine Engine
	log    *slog.Logger
	starts chan struct{} // bounds create and start, which an engine does slower in parallel
	pulls  singleflight.Group
}

// NewEngineLauncher returns a launcher that creates and starts at most parallel containers at a time.
func NewEngineLauncher(engine Engine, parallel int, log *slog.Logger) *EngineLauncher {
	return &EngineLauncher{engine: engine, log: log, starts: make(chan struct{}, max(parallel, 1))}
}

// Check pings the engine.
func (l *EngineLauncher) Check(ctx context.Context) error { return l.engine.Ping(ctx) }

// Info describes the engine.
func (l *EngineLauncher) Info(ctx context.Context) (EngineInfo, error) { return l.engine.Info(ctx) }

// Logs copies a container's output to w until it ends.
func (l *EngineLauncher) Logs(ctx context.Context, id string, w io.Writer) error {
	return l.engine.Logs(ctx, id, w)
}

// Remove deletes a container.
func (l *EngineLauncher) Remove(ctx context.Context, id string) error {
	return l.engine.Remove(ctx, id)
}

// Launch pulls outside the bound on starts, so that a slow registry does not hold up other images.
func (l *EngineLauncher) Launch(ctx context.Context, spec Spec) (Launched, error) {
	if spec.Pull {
		if err := l.pull(ctx, spec.Image); err != nil {
			return Launched{}, err
		}
	}
	select {
	case l.starts <- struct{}{}:
		defer func() { <-l.starts }()
	case <-ctx.Done():
		return Launched{}, context.Cause(ctx)
	}
	for _, name := range spec.NamedVolumes {
		if err := l.engine.EnsureVolume(ctx, name); err != nil {
			return Launched{}, err
		}
	}
	id, name, err := l.create(ctx, spec)
	if err != nil {
		return Launched{}, err
	}
	launched, err := l.start(ctx, id, name, spec)
	if err != nil {
		return Launched{}, errors.Join(err, l.discard(ctx, id))
	}
	return launched, nil
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

// create tries the name, then name-1, name-2 … while they are taken (1.4.1 docker/agent.py).
func (l *EngineLauncher) create(ctx context.Context, spec Spec) (id, name string, err error) {
	l.log.Debug("Creating Docker container " + spec.Image)
	base := spec.Name
	for n := 1; n <= maxNames; n++ {
		id, err = l.engine.Create(ctx, spec)
		if !errors.Is(err, ErrNameTaken) {
			return id, spec.Name, err
		}
		spec.Name = base + "-" + strconv.Itoa(n)
	}
	return "", "", fmt.Errorf("create container: %q and %d names after it are taken; remove old containers", base, maxNames)
}

func (l *EngineLauncher) start(ctx context.Context, id, name string, spec Spec) (Launched, error) {
	for _, network := range spec.Networks[min(1, len(spec.Networks)):] {
		if err := l.engine.Connect(ctx, network, id); err != nil {
			return Launched{}, err
		}
	}
	launched := Launched{ID: id}
	if spec.Supervised {
		launched.Exit, launched.RemoveAfter = l.wait(ctx, id), spec.RemoveAfter
	}
	l.log.Debug(fmt.Sprintf("Starting Docker container with ID %s and name '%s'", id, name))
	if err := l.engine.Start(ctx, id); err != nil {
		return Launched{}, err
	}
	l.log.Debug("Docker container " + id + " started")
	return launched, nil
}

// wait is asked for before the start, or the end of a short-lived container would be missed. It
// outlives the launch.
func (l *EngineLauncher) wait(ctx context.Context, id string) <-chan Exit {
	codes, errs := l.engine.Wait(context.WithoutCancel(ctx), id)
	exit := make(chan Exit, 1)
	go func() {
		select {
		case code := <-codes:
			exit <- Exit{Code: code}
		case err := <-errs:
			exit <- Exit{Err: err}
		}
	}()
	return exit
}

// discard removes a container that could not be started: auto-remove only acts on those that ran.
func (l *EngineLauncher) discard(ctx context.Context, id string) error {
	if err := l.engine.Remove(context.WithoutCancel(ctx), id); err != nil {
		return fmt.Errorf("and its container %.12s is left behind: %w", id, err)
	}
	return nil
}
