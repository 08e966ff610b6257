package plugin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// localBackend is the API of --local, but for its addresses.
func (o *agentOptions) localBackend() (backendOptions, error) {
	data, err := defaultDataDir()
	if err != nil {
		return backendOptions{}, err
	}
	who, err := o.localAccess(data)
	return backendOptions{database: databaseOptions{data: data}, access: who}, err
}

// localAccess says who may use the API of --local. Without a word of the user, processes of this machine may, and the
// containers of the agent, which are given a key that nobody else knows.
func (o *agentOptions) localAccess(dataDir string) (access, error) {
	key, source := o.flags.Key, "--key"
	if key == "" {
		key, source = o.token, "--token"
	}
	if key == "" {
		key, source = keyOfEnvironment()
	}
	if source == "" && !o.insecure {
		key, err := localKey(dataDir)
		return access{key: key, openLoopback: true, beyond: true}, err
	}
	return newAccess(key, source, o.insecure)
}

// runWithServer serves the API until the agent has drained.
func runWithServer(ctx context.Context, o backendOptions, log *slog.Logger, runAgent func(context.Context) error) error {
	b, err := openBackend(ctx, o, log)
	if errors.Is(err, errListen) {
		return fmt.Errorf("%w; to work for the server that is running there, leave out --local", err)
	}
	if err != nil {
		return err
	}
	agentCtx, stopAgent := context.WithCancel(ctx)
	defer stopAgent()
	serverCtx, stopServer := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServer()
	served := make(chan error, 1)
	go func() {
		served <- b.serve(serverCtx)
		stopAgent() // a server that cannot serve leaves the agent nothing to do
	}()
	err = runAgent(agentCtx)
	stopServer()
	return errors.Join(<-served, err)
}

// localKey returns the key that --local gives to its containers, made up at the first time. It is kept in the data
// directory, where only the user can read it, since containers go on while the agent is started again.
func localKey(dataDir string) (string, error) {
	path := filepath.Join(dataDir, "api-key")
	text, err := os.ReadFile(path)
	if err == nil {
		if key := strings.TrimSpace(string(text)); key != "" {
			return key, nil
		}
		return "", fmt.Errorf("the key of --local in %q is empty; delete the file", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the key of --local: %w", err)
	}
	key := rand.Text()
	if err := writeWhole(path, key+"\n"); err != nil {
		return "", fmt.Errorf("store the key of --local: %w", err)
	}
	return key, nil
}

// writeWhole writes a file that only the user can read, all of it or nothing.
func writeWhole(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-") // with mode 0600
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
