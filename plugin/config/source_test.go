package config

import (
	"io/fs"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// testSource is a machine of the user "me".
type testSource struct {
	env   []string
	files map[string]string
}

func source(env []string) testSource { return testSource{env: env, files: map[string]string{}} }

func (s testSource) Source() Source {
	home := "/home/me"
	for _, entry := range s.env {
		if dir, ok := strings.CutPrefix(entry, "HOME="); ok {
			home = dir
		}
	}
	return Source{
		Environ: s.env,
		HomeDir: func(user string) (string, bool) { return home, user == "" || user == "me" },
		ReadFile: func(path string) ([]byte, error) {
			text, ok := s.files[path]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
			}
			return []byte(text), nil
		},
	}
}

func load(t *testing.T, flags Flags, env ...string) *Config {
	t.Helper()
	cfg, err := Load(source(env).Source(), flags)
	assert.NilError(t, err)
	return cfg
}

func loadFiles(t *testing.T, files map[string]string, flags Flags, env ...string) *Config {
	t.Helper()
	cfg, err := Load(testSource{env: env, files: files}.Source(), flags)
	assert.NilError(t, err)
	return cfg
}

func loadTOML(t *testing.T, text string) *Config {
	t.Helper()
	return loadFiles(t, map[string]string{"/home/me/.prefect/config.toml": text}, Flags{})
}

func loadError(t *testing.T, flags Flags, env ...string) error {
	t.Helper()
	_, err := Load(source(env).Source(), flags)
	assert.Assert(t, err != nil, "nothing was wrong with %v", env)
	assert.Check(t, !strings.Contains(err.Error(), "\n"), "more than one line: %v", err)
	return err
}
