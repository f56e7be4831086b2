package store

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/lugsail/lugsail/internal/testenv/pgtest"
)

// postgresRun is set in the second run of the tests, in which every new store lies on PostgreSQL.
const postgresRun = "LUGSAIL_TEST_STORE_ON_POSTGRESQL"

// server is the PostgreSQL of these tests.
var server *pgtest.Server

func onPostgres() bool { return os.Getenv(postgresRun) != "" }

// TestMain runs all tests twice: on SQLite, and on PostgreSQL.
func TestMain(m *testing.M) {
	var err error
	if server, err = pgtest.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if code == 0 {
		fmt.Println("=== the same on PostgreSQL")
		must2(os.Setenv(postgresRun, "1"))
		code = m.Run()
	}
	must2(server.Close())
	os.Exit(code)
}

func must2(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
