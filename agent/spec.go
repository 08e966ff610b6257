package agent

import "log/slog"

// Spec completely describes the container of one flow run, in Docker's terms but without its API
// types. It is built by pure functions and executed by an Engine.
type Spec struct {
	Name         string            // container name; empty lets the engine choose
	Image        string            // reference as the flow names it
	Command      []string          // argument words for the image's entrypoint
	Env          []string          // "KEY=VALUE" in order; a bare "KEY" unsets the image's variable
	Labels       map[string]string // io.prefect.* and org.docker-prefect.*
	NamedVolumes []string          // volumes that must exist before creation
	MountPoints  []string          // anonymous-volume paths of the container config
	ExposedPorts []string          // "8080/tcp"
	HostConfig   map[string]any    // members of the Engine API's HostConfig, e.g. "Memory": 1 << 30
	Networks     []string          // the first is attached at creation, the others before the start
	Pull         bool              // fetch the image before creation
	Reserved     string            // id of the container that a reservation of this spec made; empty: none
}

// LogValue keeps environment values out of logs.
func (s Spec) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("name", s.Name), slog.String("image", s.Image), slog.Any("command", s.Command),
		slog.Int("env", len(s.Env)), slog.Any("networks", s.Networks))
}
