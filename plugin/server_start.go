package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-prefect/docker-prefect/agent"
	"github.com/docker-prefect/docker-prefect/server"
)

// defaultPort is Prefect Server's.
const defaultPort = 4200

type serverOptions struct {
	listen []string // addresses; empty: defaultPort on loopback and on the engine's bridge
	data   string   // directory; empty: in the user's config directory
}

func newServerCommand(dockerCLI command.Cli) *cobra.Command {
	return newGroup("server", "Run a Prefect API on this machine", newServerStartCommand(dockerCLI))
}

func newServerStartCommand(dockerCLI command.Cli) *cobra.Command {
	var opts serverOptions
	cmd := &cobra.Command{
		Use:   "start [OPTIONS]",
		Short: "Serve a Prefect 1 GraphQL API from one file",
		Long: `Serve a Prefect 1 GraphQL API from one file.

For trying things, for tests and for CI. It listens on port 4200 of this machine's
loopback address and, so that flow containers can reach it, of the bridge network
of the engine when that is on this machine. There is no authentication.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exitError(runServerStart(cmd.Context(), dockerCLI, opts))
		},
	}
	flags := cmd.Flags()
	flags.Var(listOf(&opts.listen), "listen", "Address to listen on, as HOST:PORT (default port 4200 on loopback and on the engine's bridge)")
	flags.StringVar(&opts.data, "data", "", "Directory of the database (default in the user's configuration directory)")
	return cmd
}

func runServerStart(ctx context.Context, dockerCLI command.Cli, opts serverOptions) error {
	log := newLogger(dockerCLI.Out(), slog.LevelInfo, "", "server")
	addresses := opts.listen
	if len(addresses) == 0 {
		addresses = localAddresses(ctx, localEngine(dockerCLI), log)
	}
	for _, a := range addresses {
		if _, port, err := net.SplitHostPort(a); err != nil || port == "" {
			return usageError(fmt.Errorf("listen address %q: give HOST:PORT, such as 127.0.0.1:%d", a, defaultPort))
		}
	}
	err := serve(ctx, opts.data, addresses, log)
	if errors.Is(err, errListen) {
		return fmt.Errorf("%w; is another server running? Choose an address with --listen", err)
	}
	return err
}

// serve opens the database and answers on the addresses until ctx ends.
func serve(ctx context.Context, data string, addresses []string, log *slog.Logger) error {
	b, err := openBackend(ctx, data, addresses, log)
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

func openBackend(ctx context.Context, data string, addresses []string, log *slog.Logger) (*backend, error) {
	if data == "" {
		dir, err := defaultDataDir()
		if err != nil {
			return nil, err
		}
		data = dir
	}
	listeners, err := listenAll(ctx, addresses)
	if err != nil {
		return nil, err
	}
	srv, err := server.Open(ctx, server.Options{DataDir: data, Logger: log})
	if err != nil {
		return nil, errors.Join(err, closeAll(listeners))
	}
	for _, l := range listeners {
		log.Info("Serving the Prefect API at http://"+l.Addr().String(), "data", data)
	}
	return &backend{server: srv, listeners: listeners}, nil
}

func (b *backend) serve(ctx context.Context) error { return b.server.Serve(ctx, b.listeners...) }

// defaultDataDir is where desktop systems expect it, such as ~/.config/docker-prefect.
func defaultDataDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the user's configuration directory (or pass --data): %w", err)
	}
	return filepath.Join(dir, "docker-prefect"), nil
}

// localEngine returns the engine of the active context, or nil when there is no usable one: a server for
// agents elsewhere needs none.
func localEngine(dockerCLI command.Cli) *agent.Docker {
	engine, _, err := connectEngine(dockerCLI, engineOptions{})
	if err != nil {
		return nil
	}
	return engine
}

// localAddresses are the loopback addresses and the gateway of the engine's bridge network: containers
// cannot reach a server that listens on loopback only.
func localAddresses(ctx context.Context, engine *agent.Docker, log *slog.Logger) []string {
	port := strconv.Itoa(defaultPort)
	addresses := []string{net.JoinHostPort("127.0.0.1", port)}
	if hasAddress("::1") {
		addresses = append(addresses, net.JoinHostPort("::1", port))
	}
	if engine == nil {
		return addresses
	}
	gateway, err := engine.BridgeGateway(ctx)
	switch {
	case err != nil:
		log.Warn("The engine's bridge network is unknown; containers cannot reach this server", "reason", err)
	case !hasAddress(gateway):
		log.Info("The engine's bridge is not on this machine; whether containers reach this server depends on the engine", "bridge", gateway)
	default:
		addresses = append(addresses, net.JoinHostPort(gateway, port))
	}
	return addresses
}

// hasAddress reports whether an interface of this machine has the address.
func hasAddress(address string) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	want := net.ParseIP(address)
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(want) {
			return true
		}
	}
	return false
}

func listenAll(ctx context.Context, addresses []string) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, a := range addresses {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", a)
		if err != nil {
			return nil, errors.Join(listenError(a, err), closeAll(listeners))
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// errListen starts the errors of addresses that cannot be had.
var errListen = errors.New("listen")

func listenError(address string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // its own text repeats the address
	}
	return fmt.Errorf("%w on %s: %w", errListen, address, err)
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
