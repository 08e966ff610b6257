package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-prefect/docker-prefect/agent"
	"github.com/docker-prefect/docker-prefect/server"
)

type serverOptions struct {
	listen   []string // addresses; empty: those of localAddresses
	database databaseOptions
	access   accessOptions
	services serviceOptions
}

func newServerCommand(dockerCLI command.Cli) *cobra.Command {
	return newGroup("server", "Run a Prefect API on this machine", newServerStartCommand(dockerCLI))
}

func newServerStartCommand(dockerCLI command.Cli) *cobra.Command {
	var opts serverOptions
	cmd := &cobra.Command{
		Use:   "start [OPTIONS]",
		Short: "Serve the API of Prefect 1, from one file or from PostgreSQL",
		Long: `Serve the API of Prefect 1, from one file or from PostgreSQL.

Without options it listens on port 4200 of this machine's loopback address and
needs no key. With a key, or with --insecure, it also listens on the bridge network
of the engine, when that is on this machine, so that flow containers can reach it.
Clients show the key as Prefect's do: as a bearer token, from PREFECT__CLOUD__API_KEY.

It creates runs from schedules, and looks after runs whose process has died, as
Prefect Server does. Any number of servers may share a PostgreSQL database.`,
		Example: `  docker prefect server start
  docker prefect server start --api-key-file /run/secrets/api_key --listen 0.0.0.0:4200
  docker prefect server start --insecure
  docker prefect server start --api-key-file key --database postgres://prefect@db/prefect`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exitError(runServerStart(cmd.Context(), dockerCLI, opts))
		},
	}
	flags := cmd.Flags()
	flags.Var(listOf(&opts.listen), "listen", "Address to listen on, as HOST:PORT (default port 4200 on loopback and, if others may use it, on the engine's bridge)")
	opts.database.install(flags)
	opts.access.install(flags)
	opts.services.install(flags)
	completeFlags(cmd, map[string]cobra.CompletionFunc{"api-key-file": fileNames, "data": fileNames})
	return cmd
}

func runServerStart(ctx context.Context, dockerCLI command.Cli, opts serverOptions) error {
	who, err := opts.access.access()
	if err != nil {
		return err
	}
	services, err := opts.services.services()
	if err != nil {
		return err
	}
	database, err := opts.database.resolve()
	if err != nil {
		return err
	}
	log := newLogger(dockerCLI.Out(), slog.LevelInfo, "", "server")
	given := opts.listen
	if len(given) == 0 {
		given = localAddresses(ctx, localEngine(dockerCLI), who, log)
	}
	b, err := openBackend(ctx, backendOptions{database, given, who, services}, log)
	if errors.Is(err, errListen) {
		return fmt.Errorf("%w; is another server running? Choose an address with --listen", err)
	}
	if err != nil {
		return err
	}
	return b.serve(ctx)
}

// backend is a server that has its database and its addresses, so that connections to it succeed.
type backend struct {
	server    *server.Server
	listeners []net.Listener
}

type backendOptions struct {
	database  databaseOptions // resolved
	addresses []string
	access    access
	services  server.Services
}

func openBackend(ctx context.Context, o backendOptions, log *slog.Logger) (*backend, error) {
	addresses, err := resolveAddresses(o.addresses)
	if err != nil {
		return nil, err
	}
	if err := o.access.admit(addresses); err != nil {
		return nil, err
	}
	listeners, err := listenAll(ctx, addresses)
	if err != nil {
		return nil, err
	}
	srv, err := server.Open(ctx, server.Options{
		DataDir: o.database.data, Database: o.database.url, Logger: log, Version: Version(),
		APIKey: o.access.key, OpenLoopback: o.access.openLoopback, Services: o.services,
	})
	if err != nil {
		return nil, errors.Join(err, closeAll(listeners))
	}
	for _, l := range listeners {
		log.Info("Serving the Prefect API at http://"+l.Addr().String(), "database", srv.Database())
	}
	return &backend{server: srv, listeners: listeners}, nil
}

func (b *backend) serve(ctx context.Context) error { return b.server.Serve(ctx, b.listeners...) }

// localEngine returns the engine of the active context, or nil when there is no usable one: a server for
// agents elsewhere needs none.
func localEngine(dockerCLI command.Cli) *agent.Docker {
	engine, _, err := connectEngine(dockerCLI, engineOptions{})
	if err != nil {
		return nil
	}
	return engine
}
