package agent

import "time"

// Config is what an agent needs to know, resolved: flags, environment and files are the caller's.
type Config struct {
	Name            string    // shown by the API; name of the agent's log lines
	Labels          []string  // runs are selected by these
	Env             []EnvVar  // for every flow container, in order; later duplicates win
	MaxPolls        int       // stop after that many polls; negative: never
	AgentAddress    string    // URL whose host and port serve /api/health and /api/poke; empty: none
	AgentConfigID   string    // agent config record to link to; may be empty
	SendFlowRunLogs bool      // ship flow-run logs to the API (--no-cloud-logs switches it off)
	NoPull          bool      // never pull images
	ShowFlowLogs    bool      // copy container output to the agent's
	Volumes         []string  // volume specs as given by --volume
	Networks        []string  // existing networks to attach containers to
	RegAllowList    []string  // registries images may come from; empty: any
	Policy          Policy    // what run configs may ask for
	Resources       Resources // limits of the containers
	DockerInterface bool      // give containers the name host.docker.internal (0.13's docker_interface)
	Windows         bool      // read volume specs by Windows rules: the agent runs there

	Limit        int           // live containers at most; 0: no limit
	OnCrash      OnCrash       // what becomes of a run whose container ended before it
	KeepFailed   int           // how many containers of failed runs stay
	CancelPoll   time.Duration // how often the runs of live containers are asked for
	CancelGrace  time.Duration // what a cancelled run has to end by itself, before its container is stopped
	DrainTimeout time.Duration // what a stop may take
	KillOnStop   bool          // stop the containers when the agent stops
	StuckAfter   time.Duration // without a poll, beyond the waits between them: the agent is stuck

	// What flow containers are told about the API.
	APIURL       string
	APIKey       string
	TenantID     string
	Backend      string // "server" or "cloud"
	ServerPort   int    // server.port, default 4200
	LoggingLevel string // logging.level, for containers
}

// OnCrash is what becomes of a flow run whose container ended before the run did.
type OnCrash string

// The choices of --on-crash.
const (
	CrashFails       OnCrash = "fail"       // the run is Failed
	CrashReschedules OnCrash = "reschedule" // it is Scheduled again, maxCrashes times; then Failed
	CrashIsIgnored   OnCrash = "ignore"     // its state stays; Prefect's Lazarus finds it
)

// EnvVar is one variable for a container. Unset means "KEY" without a value, which removes a
// variable that the image sets.
type EnvVar struct {
	Key   string
	Value string
	Unset bool
}
