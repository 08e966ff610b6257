package config

import (
	"io/fs"
)

// testSource is a machine with the user "me".
type testSource struct {
	env   []string
	files map[string]string
}

func source(env []string) testSource { return testSource{env: env, files: map[string]string{}} }

func (s testSource) Source() Source {
	return Source{
		Environ: s.env,
		HomeDir: func(user string) (string, bool) {
			for _, entry := range s.env {
				if dir, ok := cutHome(entry); ok && user == "" {
					return dir, true
				}
			}
			return "/home/me", user == "" || user == "me"
		},
		ReadFile: func(path string) ([]byte, error) {
			text, ok := s.files[path]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
			}
			return []byte(text), nil
		},
	}
}

func cutHome(entry string) (string, bool) {
	if len(entry) > 5 && entry[:5] == "HOME=" {
		return entry[5:], true
	}
	return "", false
}
