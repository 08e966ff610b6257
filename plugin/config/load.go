// Package config resolves Prefect's configuration as Prefect 1 does (1.4.1 configuration.py): built-in
// defaults, config.toml, backend.toml, PREFECT__* variables, flags, and auth.toml for credentials.
package config

import (
	"io/fs"
	"os"
	"os/user"
)

// Source is where configuration comes from besides flags.
type Source struct {
	// Environ holds "KEY=VALUE" texts; of equal keys the first counts.
	Environ []string
	// HomeDir returns the home directory of a user, of the current one for "".
	HomeDir func(user string) (dir string, ok bool)
	// ReadFile returns an error that is fs.ErrNotExist for what is no regular file.
	ReadFile func(path string) ([]byte, error)
}

// System is the Source of this process.
func System() Source {
	return Source{Environ: os.Environ(), HomeDir: homeDir, ReadFile: readFile}
}

func homeDir(name string) (string, bool) {
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return "", false
		}
		return u.HomeDir, true
	}
	if dir, err := os.UserHomeDir(); err == nil {
		return dir, true
	}
	u, err := user.Current()
	if err != nil {
		return "", false
	}
	return u.HomeDir, true
}

// readFile takes what cannot be examined for absent, as Prefect does.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(path)
}

// Load resolves the configuration, flags on top. It returns a *UsageError for a flag's value that cannot
// be used, and other errors for files and variables; each is one line that names the value, unless that
// is secret, and says what to do.
func Load(src Source, flags Flags) (*Config, error) {
	s, err := mergeLayers(src)
	if err != nil {
		return nil, err
	}
	return resolve(s, flags)
}

func mergeLayers(src Source) (*settings, error) {
	s := newSettings(src)
	if err := s.addTOML("", []byte(defaults)); err != nil {
		return nil, err
	}
	// backend.toml wins over config.toml, and neither follows home_dir.
	for _, file := range []struct{ variable, path string }{
		{"PREFECT__USER_CONFIG_PATH", "~/.prefect/config.toml"},
		{"PREFECT__BACKEND_CONFIG_PATH", "~/.prefect/backend.toml"},
	} {
		path := file.path
		if p, ok := s.env.lookup(file.variable); ok {
			path = p
		}
		if err := s.addFile(path); err != nil {
			return nil, err
		}
	}
	if err := s.addEnvironment(); err != nil {
		return nil, err
	}
	if err := s.coerce(); err != nil {
		return nil, err
	}
	s.interpolate()
	return s, nil
}
