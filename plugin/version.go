package plugin

import "runtime/debug"

// Version is set by the linker; without it the module's version from the build information serves.
var Version = moduleVersion()

// UserAgent names the plugin to the engine and to the API.
func UserAgent() string { return "docker-prefect/" + Version }

func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
