package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/command"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/docker-prefect/docker-prefect/graphql"
	"github.com/docker-prefect/docker-prefect/plugin/config"
)

type runOptions struct {
	api     apiOptions
	image   string
	command []string
	params  []string
	labels  []string
	env     []string
	watch   bool
}

func newRunCommand(dockerCLI command.Cli) *cobra.Command {
	var opts runOptions
	cmd := &cobra.Command{
		Use:   "run [OPTIONS] IMAGE [-- COMMAND [ARG...]]",
		Short: "Create a flow run that executes an image",
		Long: `Create a flow run that executes an image.

Registers a flow with one task for the image if there is none yet, and creates a
flow run of it on the configured API. An agent whose labels match takes it.

Without COMMAND, the image must speak Prefect: the agent starts it with
"prefect execute flow-run". With COMMAND, any image will do: the agent reports
the run as Running while the container runs, copies its output into the run's
log, and ends it as Success or Failed by the exit status.`,
		Example: `  docker prefect run my-flow-image --param date=2022-01-31 --watch
  docker prefect run --watch alpine -- sh -c 'date; sleep 3'`,
		Args: func(cmd *cobra.Command, args []string) error { return opts.takeArgs(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exitError(runRun(cmd.Context(), dockerCLI, opts))
		},
	}
	flags := cmd.Flags()
	flags.Var(listOf(&opts.params), "param", `Parameter of the run, as NAME=VALUE; VALUE is read as JSON, or else as text`)
	flags.VarP(listOf(&opts.labels), "label", "l", "Label that an agent must have to take the run")
	flags.VarP(listOf(&opts.env), "env", "e", "Environment variable for the container, as KEY=VALUE")
	flags.BoolVarP(&opts.watch, "watch", "w", false, "Follow states and logs to the end; exit with status 0 only on success")
	opts.api.install(flags)
	completeFlags(cmd, nil)
	return cmd
}

func (o *runOptions) takeArgs(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	if dash < 0 {
		dash = len(args)
	}
	switch {
	case dash == 0:
		return usageError(fmt.Errorf("no image is given; see '%s --help'", cmd.CommandPath()))
	case dash > 1:
		return usageError(fmt.Errorf("unexpected argument %q; put the command behind --, as in '%s %s -- %s'",
			args[1], cmd.CommandPath(), args[0], strings.Join(args[1:], " ")))
	}
	if _, err := reference.ParseAnyReference(args[0]); err != nil {
		return usageError(fmt.Errorf("image %q: %w", args[0], err))
	}
	o.image, o.command = args[0], args[dash:]
	return nil
}

func runRun(ctx context.Context, dockerCLI command.Cli, opts runOptions) error {
	parameters, err := parseParams(opts.params)
	if err != nil {
		return usageError(err)
	}
	env, err := config.ParseEnv(opts.env)
	if err != nil {
		return usageError(err)
	}
	client, err := opts.api.connect(dockerCLI)
	if err != nil {
		return err
	}
	_, err = client.DefaultTenant(ctx)
	if errors.Is(err, graphql.ErrTemporary) {
		return fmt.Errorf("%w; is the API running? 'docker prefect server start' serves one on this machine", err)
	}
	if err != nil {
		return err
	}
	project, err := client.EnsureProject(ctx, flowProject)
	if err != nil {
		return err
	}
	flow := imageFlow(opts.image)
	flowID, err := client.RegisterFlow(ctx, project, flow, fingerprint(flow))
	if err != nil {
		return fmt.Errorf("register a flow for %s: %w", opts.image, err)
	}
	config := newRunConfig(opts.image)
	config.Command = opts.command
	config.Env = map[string]string{}
	for _, v := range env {
		config.Env[v.Key] = v.Value
	}
	runConfig, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("encode the run config: %w", err)
	}
	id, err := client.CreateFlowRun(ctx, graphql.NewRun{
		FlowID: flowID, IdempotencyKey: uuid.NewString(), Parameters: parameters, Labels: opts.labels, RunConfig: runConfig,
	})
	if err != nil {
		return fmt.Errorf("create a flow run: %w", err)
	}
	_, _ = fmt.Fprintln(dockerCLI.Out(), id)
	if !opts.watch {
		return nil
	}
	return watch(ctx, client, id, opts.labels, dockerCLI.Out(), dockerCLI.Err())
}

// parseParams reads NAME=VALUE; a value that is no JSON is taken as text.
func parseParams(params []string) (map[string]json.RawMessage, error) {
	parsed := map[string]json.RawMessage{}
	for _, p := range params {
		key, text, ok := strings.Cut(p, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("parameter %q: give it as NAME=VALUE", p)
		}
		if json.Valid([]byte(text)) {
			parsed[key] = json.RawMessage(text)
			continue
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", key, err)
		}
		parsed[key] = quoted
	}
	return parsed, nil
}

// flowProject holds the flows that stand for images.
const flowProject = "docker-prefect"

// flowVersion is the Prefect version whose documents are written here.
const flowVersion = "1.4.1"

// runConfig is Prefect's DockerRun (1.4.1 run_configs/docker.py) with a command, which Prefect ignores
// and our agent honours.
type runConfig struct {
	Type    string            `json:"type"`
	Image   string            `json:"image"`
	Env     map[string]string `json:"env"`
	Labels  []string          `json:"labels"`
	Command []string          `json:"command,omitempty"`
	Version string            `json:"__version__"`
}

func newRunConfig(image string) runConfig {
	return runConfig{Type: "DockerRun", Image: image, Env: map[string]string{}, Labels: []string{}, Version: flowVersion}
}

// object is a JSON object whose members are written where they are used.
type object map[string]any

// imageFlow is a flow with one task, as Prefect serialises it (1.4.1 serialization/flow.py, task.py).
func imageFlow(image string) object {
	task := object{
		"name": "run", "slug": "run-1", "type": "prefect.core.task.Task", "tags": []string{},
		"max_retries": 0, "retry_delay": nil, "timeout": nil, "inputs": object{}, "outputs": "typing.Any",
		"trigger":               object{"fn": "prefect.triggers.all_successful", "kwargs": object{}},
		"cache_validator":       object{"fn": "prefect.engine.cache_validators.never_use", "kwargs": object{}},
		"skip_on_upstream_skip": true, "cache_for": nil, "cache_key": nil, "auto_generated": false, "__version__": flowVersion,
	}
	return object{
		"name": image, "type": "prefect.core.flow.Flow", "schedule": nil, "parameters": []any{}, "tasks": []any{task},
		"edges": []any{}, "reference_tasks": []any{}, "run_config": newRunConfig(image), "__version__": flowVersion,
		"storage": object{
			"type": "Local", "directory": "/", "path": nil, "flows": object{}, "secrets": []any{},
			"stored_as_script": false, "__version__": flowVersion,
		},
	}
}

// fingerprint is the same for the same document: maps are encoded in the order of their keys.
func fingerprint(document any) string {
	text, err := json.Marshal(document)
	if err != nil { // not with the types of imageFlow
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
