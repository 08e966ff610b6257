package server

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Values of extensions.code in an error. Prefect's client only prints most of them, but it sends a request again
// when it reads codeTryAgain.
const (
	codeInternal = "INTERNAL_SERVER_ERROR" // Server's default, also for mistakes of the caller in a mutation
	codeBadInput = "BAD_USER_INPUT"
	codeTryAgain = "API_ERROR"
)

// apiError is an error whose text is meant for the caller. Any other error of a resolver is logged as well.
type apiError struct {
	message string
	code    string
}

func (e *apiError) Error() string { return e.message }

// refuse makes an error like those of Prefect Server's mutations.
func refuse(format string, args ...any) error {
	return &apiError{message: fmt.Sprintf(format, args...), code: codeInternal}
}

// badInput makes an error for a value that has the right GraphQL type and yet cannot be meant.
func badInput(format string, args ...any) error {
	return &apiError{message: fmt.Sprintf(format, args...), code: codeBadInput}
}

// explain gives errors of the database that have a meaning for the caller the text that Prefect Server has for them.
func explain(err error) error {
	var dbErr *sqlite.Error
	if !errors.As(err, &dbErr) {
		return err
	}
	switch code := dbErr.Code(); {
	case code == sqlite3.SQLITE_CONSTRAINT_UNIQUE, code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return refuse("Uniqueness violation.")
	case code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return refuse("Foreign key violation.")
	case code&0xff == sqlite3.SQLITE_BUSY, code&0xff == sqlite3.SQLITE_LOCKED:
		return &apiError{message: "The database is busy.", code: codeTryAgain}
	}
	return err
}
