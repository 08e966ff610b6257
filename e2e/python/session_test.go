//go:build e2e && python

package python

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"

	"gotest.tools/v3/assert"
)

// session is the Python process of session.py, which does one thing at a time.
type session struct {
	mu      sync.Mutex
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Reader
}

func startSession(env []string) (*session, error) {
	s := &session{cmd: exec.Command(python(), "session.py")}
	s.cmd.Env, s.cmd.Stderr = env, os.Stderr
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.answers = bufio.NewReader(stdout)
	return s, s.cmd.Start()
}

func (s *session) stop() error {
	return errors.Join(s.stdin.Close(), s.cmd.Wait())
}

// call runs the body of a Python function with arguments and decodes what it returns.
func (s *session) call(into any, args object, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	request, err := json.Marshal(object{"code": code, "args": args})
	if err != nil {
		return err
	}
	if _, err := s.stdin.Write(append(request, '\n')); err != nil {
		return err
	}
	line, err := s.answers.ReadBytes('\n')
	if err != nil {
		return err
	}
	answer := struct {
		Value            any
		Error, Traceback string
	}{Value: into}
	if err := json.Unmarshal(line, &answer); err != nil {
		return fmt.Errorf("%w: %s", err, line)
	}
	if answer.Error != "" {
		return errors.New(answer.Traceback)
	}
	return nil
}

// do runs the body of a Python function in the session. It sees what session.py imports, a client, and the arguments
// by their names; what it returns is decoded into a T.
func do[T any](t *testing.T, args object, code string) T {
	t.Helper()
	var value T
	assert.NilError(t, world.session.call(&value, args, code))
	return value
}

// refused runs the body of a Python function that must raise, and returns the text of the exception.
func refused(t *testing.T, args object, code string) string {
	t.Helper()
	var value any
	err := world.session.call(&value, args, code)
	assert.Assert(t, err != nil, "not refused: %v", value)
	return err.Error()
}
