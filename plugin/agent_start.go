package plugin

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-prefect/docker-prefect/agent"
	"github.com/docker-prefect/docker-prefect/graphql"
	"github.com/docker-prefect/docker-prefect/plugin/config"
)

// parallelStarts is how many containers are created and started at a time: docs/performance.md has the
// measurements.
const parallelStarts = 4

type agentOptions struct {
	flags     config.Flags
	maxPolls  int
	verbose   bool
	local     bool
	insecure  bool
	noDocker0 bool
	timeout   int // seconds
	showLogs  bool
	volumes   []string
	networks  []string
	allowList []string
	policy    policyOptions
	reliable  reliabilityOptions
	token     string
	ignored   string
}

func newAgentCommand(dockerCLI command.Cli) *cobra.Command {
	start := func() *cobra.Command {
		return newAgentStartCommand(func(ctx context.Context, o agentOptions) error {
			return runAgentStart(ctx, dockerCLI, o)
		})
	}
	// The agent kind was a word of the command line: "agent docker start" since 0.13.14, "agent start
	// docker" before. Both still work.
	docker := newGroup("docker", "Prefect's name for this agent", start())
	docker.Hidden = true
	return newGroup("agent", "Run an agent that starts flow runs as containers", start(), docker)
}

// newAgentStartCommand calls run with what the command line says.
func newAgentStartCommand(run func(context.Context, agentOptions) error) *cobra.Command {
	var o agentOptions
	cmd := &cobra.Command{
		Use:   "start [OPTIONS]",
		Short: "Poll the Prefect API and start flow runs as containers",
		Long: `Poll the Prefect API and start flow runs as containers.

The engine is that of the Docker CLI's active context; see 'docker context ls'.
Options that are not given come from Prefect's configuration: PREFECT__*
variables, ~/.prefect/backend.toml, ~/.prefect/config.toml, and for credentials
~/.prefect/auth.toml.

The first Ctrl-C or SIGTERM stops taking flow runs and finishes what is under way;
containers go on, and are adopted by the next agent of this name and these labels.
The second leaves at once.`,
		Example: `  docker prefect agent start --local
  docker --context prod prefect agent start --label prod --env TZ=UTC
  docker prefect agent start --api http://prefect.internal:4200 --volume data:/data`,
		Args: agentKind,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exitError(run(cmd.Context(), o))
		},
	}
	o.install(cmd.Flags())
	completeFlags(cmd, map[string]cobra.CompletionFunc{
		"log-level": cobra.FixedCompletions([]cobra.Completion{"DEBUG", "INFO", "WARNING", "ERROR"}, cobra.ShellCompDirectiveNoFileComp),
		"on-crash":  cobra.FixedCompletions([]cobra.Completion{"fail", "reschedule", "ignore"}, cobra.ShellCompDirectiveNoFileComp),
		"on-stop":   cobra.FixedCompletions([]cobra.Completion{"detach", "kill"}, cobra.ShellCompDirectiveNoFileComp),
		"volume":    fileNames,
	})
	return cmd
}

// agentKind accepts the word that 0.13 scripts put behind "start".
func agentKind(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && args[0] == "docker" {
		return nil
	}
	return noArgs(cmd, args)
}

func (o *agentOptions) install(flags *pflag.FlagSet) {
	flags.StringVarP(&o.flags.Key, "key", "k", "", "API key")
	flags.StringVar(&o.flags.TenantID, "tenant-id", "", "Tenant to work for (default: the first of a Server, the key's of Cloud)")
	flags.StringVarP(&o.flags.API, "api", "a", "", "URL of the Prefect API")
	flags.StringVar(&o.flags.AgentConfigID, "agent-config-id", "", "Agent config record to link the agent to")
	flags.StringVarP(&o.flags.Name, "name", "n", "", `Name of the agent (default "agent")`)
	flags.VarP(listOf(&o.flags.Labels), "label", "l", "Label of flow runs to take")
	flags.VarP(listOf(&o.flags.Env), "env", "e", "Environment variable for every container, as KEY=VALUE")
	flags.IntVar(&o.maxPolls, "max-polls", -1, "Stop after this many polls (default: never)")
	flags.Lookup("max-polls").DefValue = "0" // not shown
	flags.StringVar(&o.flags.AgentAddress, "agent-address", "", "Serve /api/health and /api/poke at this address, as http://HOST:PORT")
	flags.BoolVar(&o.flags.NoCloudLogs, "no-cloud-logs", false, "Do not send the logs of flow runs to the API")
	flags.StringVar(&o.flags.LogLevel, "log-level", "", `DEBUG, INFO, WARNING or ERROR (default "INFO")`)
	flags.StringVarP(&o.flags.BaseURL, "base-url", "b", "", "URL of the engine (default: the active context)")
	flags.BoolVar(&o.flags.NoPull, "no-pull", false, "Never pull images")
	flags.BoolVarP(&o.showLogs, "show-flow-logs", "f", false, "Copy the output of the containers to standard output")
	flags.Var(listOf(&o.volumes), "volume", "Volume for every container, as [HOST-PATH|NAME:]PATH[:MODE]")
	flags.Var(listOf(&o.networks), "network", "Network to attach every container to")
	flags.IntVar(&o.timeout, "docker-client-timeout", 60, "Seconds that a call to the engine may take")
	flags.Var(listOf(&o.allowList), "reg-allow-list", "Registry that images may come from (default: any)")
	o.policy.install(flags)
	o.reliable.install(flags)
	flags.BoolVar(&o.local, "local", false, "Serve the Prefect API in this process, too, and work for it")
	flags.BoolVar(&o.insecure, "insecure", false, "With --local: who reaches the API may use it, without a key")

	flags.BoolVar(&o.noDocker0, "no-docker-interface", false, "Do not give containers the name host.docker.internal")
	flags.StringVarP(&o.token, "token", "t", "", "Prefect's name for --key before 0.15")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "The same as --log-level DEBUG, as before 0.13.14")
	for _, name := range []string{"token", "verbose"} {
		_ = flags.MarkHidden(name)
	}
	// Options of other agent kinds that 0.13 accepted for all.
	flags.StringVar(&o.ignored, "namespace", "", "")
	flags.StringVarP(&o.ignored, "import-path", "p", "", "")
	for _, name := range []string{"namespace", "import-path"} {
		_ = flags.MarkHidden(name)
	}
}

// configuration resolves the options on top of Prefect's configuration.
func (o *agentOptions) configuration() (*config.Config, error) {
	flags := o.flags
	if flags.Key == "" {
		flags.Key = o.token
	}
	if o.verbose {
		flags.LogLevel = "DEBUG"
	}
	if o.local {
		flags.API, flags.Backend = localAPI, "server"
	}
	switch {
	case o.local && o.flags.API != "":
		return nil, usageError(errors.New("--local brings its own API; leave out --api, or --local"))
	case o.insecure && !o.local:
		return nil, usageError(errors.New("--insecure is about the API of --local; add --local, or leave it out"))
	case o.maxPolls < -1:
		return nil, usageError(fmt.Errorf("--max-polls %d: give the number of polls; without the option there is no limit", o.maxPolls))
	case o.timeout < 0:
		return nil, usageError(fmt.Errorf("--docker-client-timeout %d: give a number of seconds", o.timeout))
	}
	cfg, err := loadConfig(flags)
	if err == nil && o.local {
		cfg.Key, cfg.TenantID = "", "" // those of Cloud are none of its business
	}
	return cfg, err
}

// agentConfig is what the agent needs to know.
func (o *agentOptions) agentConfig(cfg *config.Config) (agent.Config, error) {
	policy, err := o.policy.policy()
	if err != nil {
		return agent.Config{}, err
	}
	agentCfg := agent.Config{
		Name: cfg.Name, Labels: cfg.Labels, Env: cfg.Env,
		MaxPolls: o.maxPolls, AgentAddress: cfg.AgentAddress, AgentConfigID: cfg.AgentConfigID,
		SendFlowRunLogs: cfg.SendFlowRunLogs, NoPull: cfg.NoPull, ShowFlowLogs: o.showLogs,
		Volumes: o.volumes, Networks: o.networks, RegAllowList: o.allowList,
		Policy: policy, Resources: o.policy.resources(),
		DockerInterface: !o.noDocker0, Windows: runtime.GOOS == "windows",
		APIURL: cfg.API, APIKey: cfg.Key, TenantID: cfg.TenantID, Backend: cfg.Backend,
		ServerPort: cfg.ServerPort, LoggingLevel: cfg.LoggingLevel,
		StuckAfter: stuckAfter(cfg.RequestTimeout),
	}
	if err := o.reliable.apply(&agentCfg); err != nil {
		return agent.Config{}, usageError(err)
	}
	return agentCfg, nil
}

// stuckAfter is more than the longest that one poll can take: two requests, each with a timeout for the
// connection and one for the answer, and a check of the engine.
func stuckAfter(requestTimeout time.Duration) time.Duration { return 2*time.Minute + 4*requestTimeout }

func runAgentStart(ctx context.Context, dockerCLI command.Cli, o agentOptions) error {
	tuneMemory()
	cfg, err := o.configuration()
	if err != nil {
		return err
	}
	var local backendOptions
	if o.local {
		if local, err = o.localBackend(); err != nil {
			return err
		}
		cfg.Key = local.access.key
	}
	agentCfg, err := o.agentConfig(cfg)
	if err != nil {
		return err
	}
	log := newLogger(dockerCLI.Out(), cfg.LogLevel, cfg.LogFormat, cfg.Name)
	engine, where, err := connectEngine(dockerCLI, engineOptions{
		baseURL: cfg.BaseURL, timeout: time.Duration(o.timeout) * time.Second,
	})
	if err != nil {
		return err
	}
	client, err := newAPIClient(cfg, log)
	if err != nil {
		return err
	}
	launcher := agent.NewEngineLauncher(engine, parallelStarts, log)
	a, err := agent.New(agentCfg, client, launcher, log, dockerCLI.Out())
	if err != nil {
		return usageError(err)
	}
	info, err := engine.Info(ctx)
	if err != nil {
		return err
	}
	log.Info(fmt.Sprintf("Using the engine of %s: %s %s", where, info.Name, info.Version))
	if !o.local {
		return a.Run(ctx)
	}
	local.addresses = localAddresses(ctx, engine, local.access, log)
	return runWithServer(ctx, local, log, a.Run)
}

var _ agent.API = (*graphql.Client)(nil)
