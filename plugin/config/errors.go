package config

import "fmt"

// UsageError is a mistake on the command line, as opposed to one in a file or a variable.
type UsageError struct{ Err error }

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// setting is one value as the user wrote it, with where that was.
type setting struct {
	text string
	from string // "--label", "PREFECT__CLOUD__API", "cloud.api in /home/me/.prefect/config.toml"
	flag bool
}

// pick returns the flag's value if there is one, or else the configured one.
func pick(flag, value string, configured setting) setting {
	if value == "" {
		return configured
	}
	return setting{text: value, from: flag, flag: true}
}

// wrong is the error for a value that can be shown.
func (s setting) wrong(format string, args ...any) error {
	return s.secret("%q: %s", s.text, fmt.Sprintf(format, args...))
}

// secret is the error for a value that cannot.
func (s setting) secret(format string, args ...any) error {
	err := fmt.Errorf("%s "+format, append([]any{s.from}, args...)...)
	if s.flag {
		return &UsageError{Err: err}
	}
	return err
}
