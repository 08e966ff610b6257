package plugin

import (
	"errors"
	"log/slog"
	"net/url"
	"os"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/pflag"

	"github.com/docker-prefect/docker-prefect/graphql"
	"github.com/docker-prefect/docker-prefect/plugin/config"
)

// localAPI is Prefect's default address of a Server.
const localAPI = "http://localhost:4200"

// cloudHost is Prefect Cloud 1, the default of an unconfigured Prefect.
const cloudHost = "api.prefect.io"

// apiOptions are the flags of commands that only talk to the API.
type apiOptions struct{ flags config.Flags }

func (o *apiOptions) install(flags *pflag.FlagSet) {
	flags.StringVarP(&o.flags.Key, "key", "k", "", "API key")
	flags.StringVar(&o.flags.TenantID, "tenant-id", "", "Tenant to work for")
	flags.StringVarP(&o.flags.API, "api", "a", "", "URL of the Prefect API")
}

// connect returns a client for the configured API; it does not talk to it yet.
func (o *apiOptions) connect(dockerCLI command.Cli) (*graphql.Client, error) {
	cfg, err := loadConfig(o.flags)
	if err != nil {
		return nil, err
	}
	return newAPIClient(cfg, newLogger(dockerCLI.Err(), slog.LevelWarn, cfg.LogFormat, name))
}

// loadConfig resolves Prefect's configuration. A mistake in a flag is one of usage.
func loadConfig(flags config.Flags) (*config.Config, error) {
	cfg, err := config.Load(config.System(), flags)
	var usage *config.UsageError
	if errors.As(err, &usage) {
		return nil, usageError(err)
	}
	if err != nil {
		return nil, err
	}
	// Prefect's default is Cloud, which does nothing without a key. Who has none and did not choose Cloud
	// means a Server: the one they name, or that of this machine.
	if cfg.Key == "" && cfg.BackendIsDefault {
		cfg.Backend = "server"
		if u, err := url.Parse(cfg.API); err == nil && u.Hostname() == cloudHost {
			cfg.API = localAPI
		}
	}
	return cfg, nil
}

// newAPIClient logs requests if cloud.diagnostics says so, at debug level. It honours the certificate authorities that Prefect's HTTP library does.
func newAPIClient(cfg *config.Config, log *slog.Logger) (*graphql.Client, error) {
	if !cfg.Diagnostics {
		log = nil
	}
	bundle := os.Getenv("REQUESTS_CA_BUNDLE")
	if bundle == "" {
		bundle = os.Getenv("CURL_CA_BUNDLE")
	}
	return graphql.New(graphql.Options{
		URL: cfg.API, Key: cfg.Key, TenantID: cfg.TenantID, Backend: cfg.Backend,
		Timeout: cfg.RequestTimeout, UserAgent: UserAgent(), CABundle: bundle, Logger: log,
	})
}
