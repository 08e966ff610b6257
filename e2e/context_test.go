//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// certificates writes a certificate authority and a certificate each for engine and client.
func certificates(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, kind string, der []byte) {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		assert.NilError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true,
		}
	}
	authority := template(1, "e2e authority")
	authority.IsCA = true
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NilError(t, err)
	for serial, name := range []string{"ca", "engine", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		assert.NilError(t, err)
		cert := template(int64(serial+1), name)
		if name == "ca" {
			key, cert = authorityKey, authority
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, authority, &key.PublicKey, authorityKey)
		assert.NilError(t, err)
		write(name+".pem", "CERTIFICATE", der)
		keyDER, err := x509.MarshalECPrivateKey(key)
		assert.NilError(t, err)
		write(name+"-key.pem", "EC PRIVATE KEY", keyDER)
	}
	return dir
}

// tlsEngine starts a second engine that wants client certificates, with a state of its own.
func tlsEngine(t *testing.T, certs string) (address string) {
	t.Helper()
	state := t.TempDir()
	address = "127.0.0.1:" + freePort(t)
	engine := start(t, os.Environ(), "dockerd",
		"--tlsverify", "--tlscacert", filepath.Join(certs, "ca.pem"),
		"--tlscert", filepath.Join(certs, "engine.pem"), "--tlskey", filepath.Join(certs, "engine-key.pem"),
		"--host", "tcp://"+address, "--data-root", filepath.Join(state, "data"), "--exec-root", filepath.Join(state, "exec"),
		// Not --bridge=none: that deletes docker0, which the machine's own engine uses.
		"--pidfile", filepath.Join(state, "pid"), "--iptables=false", "--ip6tables=false",
		"--containerd-namespace", "e2e", "--containerd-plugins-namespace", "e2e-plugins")
	engine.waitFor(t, "API listen on")
	t.Cleanup(func() {
		assert.Check(t, engine.cmd.Process.Signal(interrupt))
		<-engine.ended
		// dockerd leaves this mounted; it fails where no container used the host's network.
		_ = syscall.Unmount(filepath.Join(state, "exec", "netns", "default"), syscall.MNT_DETACH)
	})
	return address
}

// An engine behind TLS is a docker context like any other: no flag of ours is needed.
func TestTheActiveContextIsTheEngine(t *testing.T) {
	certs := certificates(t)
	address := tlsEngine(t, certs)
	w := newWorld(t)
	tls := []string{
		"--tlsverify", "--tlscacert", filepath.Join(certs, "ca.pem"),
		"--tlscert", filepath.Join(certs, "client.pem"), "--tlskey", filepath.Join(certs, "client-key.pem"), "-H", "tcp://" + address,
	}
	// The image goes from the one engine to the other.
	copyImage := exec.Command("sh", "-c", "docker save "+demoImage+" | docker "+strings.Join(tls, " ")+" load")
	out, err := copyImage.CombinedOutput()
	assert.NilError(t, err, string(out))

	endpoint := "host=tcp://" + address + ",ca=" + tls[2] + ",cert=" + tls[4] + ",key=" + tls[6]
	created, status := run(t, w.env, "docker", "context", "create", "secure", "--docker", endpoint)
	assert.Equal(t, status, 0, created)
	used, status := run(t, w.env, "docker", "context", "use", "secure")
	assert.Equal(t, status, 0, used)

	agent := w.agent(t, "--network", "host")
	assert.Assert(t, is.Contains(agent.Output(), `context "secure" (tcp://`+address+`)`))
	id := w.create(t, flowRun{})
	w.waitState(t, id, "Success")
	assert.Equal(t, containers(t, id), 0, "nothing ran on the default engine")
	inside, err := exec.Command("docker", append(tls, "ps", "-aq", "--filter", "label="+runLabel+"="+id)...).Output()
	assert.NilError(t, err)
	assert.Equal(t, len(strings.Fields(string(inside))), 1)
}

func TestHostsAndContextsAreChosenAsByDocker(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		name string
		env  string
		args []string
		want string
	}{
		{"-H", "", []string{"-H", "unix:///var/run/docker.sock"}, `context "default" (unix:///var/run/docker.sock)`},
		{"DOCKER_HOST", "DOCKER_HOST=unix:///run/docker.sock", nil, `context "default" (unix:///run/docker.sock)`},
		{"base URL", "DOCKER_HOST=tcp://127.0.0.1:1", nil, "unix:///var/run/docker.sock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append(tc.args, "prefect", "agent", "start", "--api", w.api, "--max-polls", "0")
			if tc.name == "base URL" {
				args = append(args, "--base-url", "unix:///var/run/docker.sock")
			}
			out, status := run(t, append(w.env, tc.env), "docker", args...)
			assert.Equal(t, status, 0, out)
			assert.Assert(t, is.Contains(out, tc.want))
		})
	}
}
