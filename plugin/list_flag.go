package plugin

import (
	"github.com/docker/cli/opts"
	"github.com/spf13/pflag"
)

// listOf is the value of a flag that may be given several times, shown as docker shows its own. Values
// are taken as they are: checking them is for those who know what they mean.
func listOf(values *[]string) pflag.Value { return opts.NewListOptsRef(values, nil) }
