// Command docker-prefect is a Docker CLI plugin that runs Prefect 1 flow runs as containers.
package main

import (
	"os"

	"github.com/docker/cli/cli-plugins/metadata"
	cliplugin "github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"

	"github.com/docker-prefect/docker-prefect/plugin"
)

// main never returns: the framework exits with the command's status. It must do nothing slow, because
// docker runs every plugin to ask for its metadata.
func main() {
	os.Args = plugin.StandaloneArgs(os.Args)
	cliplugin.Run(plugin.NewCommand, metadata.Metadata{
		SchemaVersion:    "0.1.0",
		Vendor:           "docker-prefect",
		Version:          plugin.Version(),
		ShortDescription: plugin.Short,
		URL:              "https://github.com/docker-prefect/docker-prefect",
	}, command.WithUserAgent(plugin.UserAgent()))
}
