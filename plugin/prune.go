package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-prefect/docker-prefect/agent"
)

type pruneOptions struct {
	api    apiOptions
	dryRun bool
	force  bool
}

func newPruneCommand(dockerCLI command.Cli) *cobra.Command {
	var opts pruneOptions
	cmd := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove the containers of finished flow runs",
		Long: `Remove the containers of finished flow runs.

An agent removes its containers itself, except those that it is told to keep:
host_config.auto_remove false in a run config, or --keep-failed. Prune removes
what docker prefect agents of the tenant have left on the engine, if the flow
run has ended. A container whose end has not been told to the API yet stays.`,
		Example: `  docker prefect prune --dry-run
  docker --context prod prefect prune --force`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exitError(runPrune(cmd.Context(), dockerCLI, opts))
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.dryRun, "dry-run", false, "Show what would be removed, and what not and why")
	flags.BoolVarP(&opts.force, "force", "f", false, "Do not prompt for confirmation")
	opts.api.install(flags)
	completeFlags(cmd, nil)
	return cmd
}

func runPrune(ctx context.Context, dockerCLI command.Cli, opts pruneOptions) error {
	engine, where, err := connectEngine(dockerCLI, engineOptions{})
	if err != nil {
		return err
	}
	client, err := opts.api.connect(dockerCLI)
	if err != nil {
		return err
	}
	tenant, err := client.DefaultTenant(ctx)
	if err != nil {
		return fmt.Errorf("%w; prune asks the API which flow runs have ended, name it with --api", err)
	}
	containers, err := engine.List(ctx)
	if err != nil {
		return err
	}
	states, err := client.FlowRunStates(ctx, agent.RunIDs(containers, tenant))
	if err != nil {
		return err
	}
	plan := agent.PlanPrune(containers, tenant, states)
	var doomed []agent.Leftover
	for _, l := range plan {
		if l.Remove {
			doomed = append(doomed, l)
		}
	}
	if opts.dryRun || !opts.force {
		if err := printPlan(dockerCLI, plan); err != nil {
			return err
		}
	}
	if opts.dryRun || len(doomed) == 0 {
		_, err := fmt.Fprintf(dockerCLI.Out(), "%d of %d containers to remove\n", len(doomed), len(plan))
		return err
	}
	if !opts.force && !confirm(ctx, dockerCLI, fmt.Sprintf("Remove %d containers from %s? [y/N] ", len(doomed), where)) {
		return errors.New("nothing was removed")
	}
	return removeAll(ctx, dockerCLI, engine, doomed)
}

func removeAll(ctx context.Context, dockerCLI command.Cli, engine *agent.Docker, doomed []agent.Leftover) error {
	var errs []error
	for _, l := range doomed {
		if err := engine.Remove(ctx, l.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := fmt.Fprintln(dockerCLI.Out(), l.ID); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

func printPlan(dockerCLI command.Cli, plan []agent.Leftover) error {
	if len(plan) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(dockerCLI.Out(), 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "CONTAINER ID\tNAME\tSTATE\tFLOW RUN\tACTION\tREASON")
	for _, l := range plan {
		action := map[bool]string{true: "remove", false: "keep"}[l.Remove]
		run := l.Run
		if run == "" {
			run = "-"
		}
		fmt.Fprintf(table, "%.12s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Name, l.State, run, action, l.Reason)
	}
	return table.Flush()
}

// confirm asks a person; no answer means no. It returns when ctx ends, though the reading goes on.
func confirm(ctx context.Context, dockerCLI command.Cli, question string) bool {
	_, _ = fmt.Fprint(dockerCLI.Out(), question)
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(dockerCLI.In()).ReadString('\n')
		answers <- line
	}()
	select {
	case answer := <-answers:
		return strings.EqualFold(strings.TrimSpace(answer), "y")
	case <-ctx.Done():
		return false
	}
}
