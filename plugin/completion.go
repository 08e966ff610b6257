package plugin

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completeFlags completes the values of the named flags; those of the others are nothing that a shell
// could know, file names least of all.
func completeFlags(cmd *cobra.Command, known map[string]cobra.CompletionFunc) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		complete := known[f.Name]
		if complete == nil {
			complete = cobra.NoFileCompletions
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
	})
}

// fileNames leaves the completion to the shell.
func fileNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}
