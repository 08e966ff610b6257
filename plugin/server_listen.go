package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/docker-prefect/docker-prefect/agent"
)

// defaultPort is Prefect Server's.
const defaultPort = 4200

// listenAddress is an address as it was given, and what it means: names are looked up once, so that what is judged is
// what is used.
type listenAddress struct {
	text  string
	where *net.TCPAddr
}

func (a listenAddress) isLoopback() bool { return a.where.IP.IsLoopback() }

func resolveAddresses(given []string) ([]listenAddress, error) {
	addresses := make([]listenAddress, len(given))
	for i, text := range given {
		if _, port, err := net.SplitHostPort(text); err != nil || port == "" {
			return nil, usageError(fmt.Errorf("listen address %q: give HOST:PORT, such as 127.0.0.1:%d", text, defaultPort))
		}
		where, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			return nil, listenError(text, err)
		}
		addresses[i] = listenAddress{text, where}
	}
	return addresses, nil
}

// localAddresses are the loopback addresses and, if others may use the server, the gateway of the engine's bridge
// network: containers cannot reach a server that listens on loopback only.
func localAddresses(ctx context.Context, engine *agent.Docker, who access, log *slog.Logger) []string {
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
	case !who.beyond:
		log.Warn("Containers cannot reach this server, which listens on loopback only; to let them, give --api-key, or --insecure to need none")
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

func listenAll(ctx context.Context, addresses []listenAddress) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, a := range addresses {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.where.String())
		if err != nil {
			return nil, errors.Join(listenError(a.text, err), closeAll(listeners))
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
