// Package plugin is the command line of docker prefect: flags in, text out.
package plugin

import (
	"fmt"

	cliplugin "github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

const (
	name = "prefect"
	// Short describes the plugin in `docker --help`.
	Short = "Run Prefect 1 flow runs as containers"
)

// NewCommand returns the `prefect` command. It does nothing that takes time: docker builds it for every
// question it has about the plugin.
func NewCommand(dockerCLI command.Cli) *cobra.Command {
	cmd := newGroup(name, Short)
	cmd.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		// The framework ends the context of the command when docker goes away; signals end it, too.
		cmd.SetContext(signalContext(cmd.Context(), dockerCLI.Err()))
		return cliplugin.PersistentPreRunE(cmd, args)
	}
	// Docker calls -h deprecated; Prefect's users know it.
	cmd.PersistentFlags().BoolP("help", "h", false, "Print usage")
	_ = cmd.PersistentFlags().MarkHidden("help")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
	})
	cmd.AddCommand(
		newAgentCommand(dockerCLI),
		newServerCommand(dockerCLI),
		newRunCommand(dockerCLI),
		newPruneCommand(dockerCLI),
		newVersionCommand(dockerCLI),
	)
	return cmd
}

// newGroup returns a command that only holds others. Without a RunE of its own, cobra would answer an
// unknown subcommand with the help text and status 0.
func newGroup(use, short string, subcommands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usageError(unknownCommand(cmd, args[0]))
		},
	}
	cmd.AddCommand(subcommands...)
	return cmd
}

func unknownCommand(cmd *cobra.Command, word string) error {
	cmd.SuggestionsMinimumDistance = 2
	if similar := cmd.SuggestionsFor(word); len(similar) > 0 {
		return fmt.Errorf("%q is not a command of '%s'; did you mean '%s %s'?", word, cmd.CommandPath(), cmd.CommandPath(), similar[0])
	}
	return fmt.Errorf("%q is not a command of '%s'; see '%s --help'", word, cmd.CommandPath(), cmd.CommandPath())
}

// noArgs refuses positional arguments in one line.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError(fmt.Errorf("unexpected argument %q; see '%s --help'", args[0], cmd.CommandPath()))
}

func newVersionCommand(dockerCLI command.Cli) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the plugin",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(dockerCLI.Out(), Version())
			return err
		},
	}
}
