package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"time"
)

// address is where the backend listens and how it is called on this machine.
type address struct {
	listen []string
	url    string
}

// chooseAPI takes Prefect's port where it is free and any other otherwise. The backend listens on loopback
// and, for the flow's container, on the gateway of the engine's bridge: the first address of its subnet.
// Engines in a virtual machine have that elsewhere and lead containers to this machine's loopback.
func chooseAPI(ctx context.Context) (address, error) {
	hosts := []string{"127.0.0.1"}
	out, err := exec.CommandContext(ctx, "docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}").Output()
	if err != nil {
		return address{}, fmt.Errorf("ask for the engine's bridge network: %w", err)
	}
	subnet, err := netip.ParsePrefix(strings.TrimSpace(string(out)))
	if err != nil {
		return address{}, fmt.Errorf("ask for the engine's bridge network: %w", err)
	}
	if gateway := subnet.Masked().Addr().Next().String(); free(ctx, gateway, "0") {
		hosts = append(hosts, gateway)
	}
	port := "4200" // Prefect Server's
	if !allFree(ctx, hosts, port) {
		if port, err = anyPort(ctx, hosts); err != nil {
			return address{}, err
		}
	}
	a := address{url: "http://localhost:" + port}
	for _, h := range hosts {
		a.listen = append(a.listen, net.JoinHostPort(h, port))
	}
	return a, nil
}

// free reports whether one can listen there; port 0 asks only whether the address is this machine's.
func free(ctx context.Context, host, port string) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func allFree(ctx context.Context, hosts []string, port string) bool {
	for _, h := range hosts {
		if !free(ctx, h, port) {
			return false
		}
	}
	return true
}

func anyPort(ctx context.Context, hosts []string) (string, error) {
	for range 20 {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(hosts[0], "0"))
		if err != nil {
			return "", err
		}
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return "", err
		}
		if err := l.Close(); err != nil {
			return "", err
		}
		if allFree(ctx, hosts, port) {
			return port, nil
		}
	}
	return "", fmt.Errorf("no port is free on all of %s", strings.Join(hosts, ", "))
}

// answers asks whether the API works.
func (a address) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}
