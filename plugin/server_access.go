package plugin

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// serverKeyVariable gives a server its key where a flag would show it to everybody who lists processes.
const serverKeyVariable = "DOCKER_PREFECT_SERVER_API_KEY"

// accessOptions are the flags that say who may use a server.
type accessOptions struct {
	flags    *pflag.FlagSet
	key      string
	keyFile  string
	insecure bool
}

func (o *accessOptions) install(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.key, "api-key", "", "Key that clients must show (default: that of "+serverKeyVariable+")")
	flags.StringVar(&o.keyFile, "api-key-file", "", "File with the key, such as /run/secrets/api_key")
	flags.BoolVar(&o.insecure, "insecure", false, "Listen beyond loopback without a key: who reaches the server may use it")
}

// access is who may use a server. The zero value is everybody on this machine.
type access struct {
	key          string // what clients must show, if not empty
	openLoopback bool   // clients on this machine need not
	beyond       bool   // others than this machine may reach the server
}

// access finds out what the flags and the environment say. Errors are mistakes of usage, without the key in them.
func (o *accessOptions) access() (access, error) {
	key, source, err := o.findKey()
	if err != nil {
		return access{}, usageError(err)
	}
	return newAccess(key, source, o.insecure)
}

// findKey returns a key and what gave it; no source if nothing did.
func (o *accessOptions) findKey() (key, source string, err error) {
	fromFlag, fromFile := o.flags.Changed("api-key"), o.flags.Changed("api-key-file")
	switch {
	case fromFlag && fromFile:
		return "", "", errors.New("--api-key and --api-key-file both give a key; leave out either")
	case fromFlag:
		return o.key, "--api-key", nil
	case fromFile:
		text, err := os.ReadFile(o.keyFile)
		if err != nil {
			return "", "", fmt.Errorf("--api-key-file: %w", err)
		}
		return strings.TrimSpace(string(text)), fmt.Sprintf("--api-key-file %q", o.keyFile), nil
	}
	key, source = keyOfEnvironment()
	return key, source, nil
}

func keyOfEnvironment() (key, source string) {
	if key := os.Getenv(serverKeyVariable); key != "" {
		return key, serverKeyVariable
	}
	return "", ""
}

// newAccess checks a key, which has no source if there is none.
func newAccess(key, source string, insecure bool) (access, error) {
	var problem error
	switch {
	case source == "":
		return access{beyond: insecure}, nil
	case insecure:
		problem = fmt.Errorf("%s gives a key, and --insecure says that there is none; leave out either", source)
	case key == "":
		problem = fmt.Errorf("%s is empty; give a key, such as what 'openssl rand -hex 32' prints", source)
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		problem = fmt.Errorf("%s has a character that a header cannot hold; use letters, digits and ASCII punctuation", source)
	default:
		return access{key: key, beyond: true}, nil
	}
	return access{}, usageError(problem)
}

// admit refuses addresses that others than this machine can reach when nobody has said who may use the server.
func (a access) admit(addresses []listenAddress) error {
	for _, address := range addresses {
		if !a.beyond && !address.isLoopback() {
			return usageError(fmt.Errorf("listen address %q: others than this machine can reach it; give --api-key, or --insecure to let all of them use the server", address.text))
		}
	}
	return nil
}
