package server

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestPostgreSQLDatabasesThatCannotBeOpened(t *testing.T) {
	for address, want := range map[string]string{
		"mysql://u:secret@localhost/d":        "its address must begin with postgres://",
		"postgres://u:sec ret@127.0.0.1:1/d":  "its address cannot be read",
		"postgres://u:secret@127.0.0.1:1/d":   "open database postgres://127.0.0.1:1/d: connection refused",
		"postgresql://u:secret@[::1]:1/d?x=y": "open database postgres://[::1]:1/d: ",
	} {
		_, err := Open(t.Context(), Options{Database: address})
		assert.ErrorContains(t, err, want)
		assert.Check(t, !strings.Contains(err.Error(), "secret") && !strings.Contains(err.Error(), "\n"), err)
	}
}

func TestStatementsAreWrittenForBothDatabases(t *testing.T) {
	for _, test := range []struct{ text, sqlite, postgres string }{
		{"SELECT 1", "SELECT 1", "SELECT 1"},
		{"SELECT ?, ? + ?", "SELECT ?, ? + ?", "SELECT $1, $2 + $3"},
		{"SELECT ?2, ?1, ?12", "SELECT ?2, ?1, ?12", "SELECT $2, $1, $12"},
		{"SELECT x FROM t WHERE id = ? FOR UPDATE", "SELECT x FROM t WHERE id = ?", "SELECT x FROM t WHERE id = $1 FOR UPDATE"},
		{"SELECT x FROM t FOR NO KEY UPDATE OF t", "SELECT x FROM t", "SELECT x FROM t FOR NO KEY UPDATE OF t"},
		{"UPDATE t SET x = ? WHERE id = ?", "UPDATE t SET x = ? WHERE id = ?", "UPDATE t SET x = $1 WHERE id = $2"},
	} {
		assert.Check(t, is.Equal((&sqliteDatabase{}).statement(test.text), test.sqlite))
		postgres := &postgresDatabase{}
		for range 2 {
			assert.Check(t, is.Equal(postgres.statement(test.text), test.postgres))
		}
	}
}
