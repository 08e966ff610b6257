package plugin

import (
	"io"
	"slices"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// StandaloneArgs lets `docker-prefect agent start` work like `docker prefect agent start`: where the
// plugin's name is missing before the first word, it is inserted. Docker itself always passes it.
func StandaloneArgs(args []string) []string {
	if len(args) < 2 {
		return append(slices.Clip(args), name)
	}
	at := firstWord(args)
	if at < len(args) && slices.Contains([]string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, args[at]) {
		at++
	}
	if at < len(args) && (args[at] == name || args[at] == metadata.MetadataSubcommandName) {
		return args
	}
	return slices.Insert(slices.Clone(args), at, name)
}

// firstWord returns the index of the first argument behind docker's global options.
func firstWord(args []string) int {
	set := pflag.NewFlagSet(args[0], pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.SetInterspersed(false)
	flags.NewClientOptions().InstallFlags(set)
	set.BoolP("help", "h", false, "")
	if err := set.Parse(args[1:]); err != nil {
		return 1 // docker's own parser words the complaint
	}
	return len(args) - set.NArg()
}
