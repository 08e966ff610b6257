package plugin

import "runtime/debug"

// linkedVersion is set by the linker (see Makefile).
var linkedVersion string

// Version returns the plugin's version: the linker's, or else the module's from the build information.
func Version() string {
	if linkedVersion != "" {
		return linkedVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// UserAgent names the plugin to the engine and to the API.
func UserAgent() string { return "docker-prefect/" + Version() }
