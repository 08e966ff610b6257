package server

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// crashPlace names, in the environment, the database of a child that is going to be killed: a directory or a URL.
const crashPlace = "DOCKER_PREFECT_TEST_CRASH_PLACE"

// TestMain lets the test binary be the server that TestAcknowledgedStatesSurviveSIGKILL kills.
func TestMain(m *testing.M) {
	if place := os.Getenv(crashPlace); place != "" {
		fmt.Fprintln(os.Stderr, serveUntilKilled(place))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serveUntilKilled(place string) error {
	options := Options{DataDir: place}
	if strings.Contains(place, "://") {
		options = Options{Database: place}
	}
	server, err := Open(context.Background(), options)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return server.Serve(context.Background(), listener)
}

func TestAcknowledgedStatesSurviveSIGKILL(t *testing.T) {
	place := newPlace(t)
	executable, err := os.Executable()
	assert.NilError(t, err)
	child := exec.Command(executable)
	child.Env = append(os.Environ(), crashPlace+"="+place.DataDir+place.Database)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	assert.NilError(t, err)
	assert.NilError(t, child.Start())
	address, err := bufio.NewReader(output).ReadString('\n')
	assert.NilError(t, err)

	a := &api{t: t, url: "http://" + strings.TrimSpace(address)}
	flow := a.register("p", flowOf("f", "a", "b"))
	const clients = 500
	runs := make([]string, clients)
	for i := range runs {
		runs[i] = a.run(flow)
	}
	// Each client writes state after state and notes those that were acknowledged, until the server is gone. It is
	// killed while every client has a state on its way.
	var wait sync.WaitGroup
	var lock sync.Mutex
	acknowledged := map[string]bool{}
	enough := make(chan struct{})
	for i := range clients {
		wait.Go(func() {
			for n := 0; ; n++ {
				mark := fmt.Sprintf("%s %d", runs[i], n)
				body := fmt.Sprintf(`{"query": "mutation { set_flow_run_states(input: {states: [{flow_run_id: \"%s\", state: {type: \"Running\", message: \"%s\"}}]}) { states { status } } }"}`, runs[i], mark)
				response, err := http.Post(a.url, "application/json", strings.NewReader(body))
				if err != nil {
					return
				}
				_ = response.Body.Close()
				lock.Lock()
				acknowledged[mark] = true
				if len(acknowledged) == 2*clients {
					close(enough)
				}
				lock.Unlock()
			}
		})
	}
	<-enough
	assert.NilError(t, child.Process.Kill())
	_ = child.Wait()
	wait.Wait()

	after := openAPI(t, place)
	for _, row := range after.read("{ flow_run_state(limit: 100000) { message } }")["flow_run_state"].([]any) {
		delete(acknowledged, get(t, row, "message").(string))
	}
	assert.Check(t, is.Len(acknowledged, 0), "states that were acknowledged and are gone")
	if postgresURL() == "" {
		var verdict string
		assert.NilError(t, after.server.store.row(t.Context(), "PRAGMA integrity_check", nil, &verdict))
		assert.Equal(t, verdict, "ok")
	}
	// A run and its history agree: neither was written without the other.
	for _, run := range after.read("{ flow_run(limit: 1000) { version state_message states(order_by: {version: desc}, limit: 1) { version message } } }")["flow_run"].([]any) {
		assert.Equal(t, get(t, run, "version"), get(t, run, "states", 0, "version"))
		assert.Equal(t, get(t, run, "state_message"), get(t, run, "states", 0, "message"))
	}
	after.setFlowRun(runs[0], "Success")
}
