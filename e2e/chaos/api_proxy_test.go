package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// always is a table in which a fault always happens.
func always(f fault) rates { return rates{{f, 1000}} }

// behindAPIProxy starts a proxy before a backend that counts what reaches it.
func behindAPIProxy(t *testing.T, list rates) (*apiProxy, *atomic.Int32) {
	t.Helper()
	var reached atomic.Int32
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data": {"hello": "hello"}}`)
	}))
	t.Cleanup(backend.Close)
	faults := newInjector(newDice(1))
	faults.enable(true)
	p := newAPIProxy("a", backend.URL, faults, &ambush{}, &journal{to: io.Discard})
	p.rates = list
	assert.NilError(t, p.open())
	t.Cleanup(p.away)
	return p, &reached
}

func post(p *apiProxy) (*http.Response, string, error) {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	if p.rates[0].fault == mute || p.rates[0].fault == muteAfter || p.outage.Load() == silent {
		client.Timeout = 100 * time.Millisecond
	}
	resp, err := client.Post(p.url(), "application/json", strings.NewReader(`{"query": "{ hello }"}`))
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

func TestAPIFaults(t *testing.T) {
	for f, want := range map[fault]struct {
		status  int // 0: no answer
		reached bool
		isJSON  bool
	}{
		none:      {200, true, true},
		delayed:   {200, true, true},
		cut:       {0, false, false},
		lost:      {0, true, false},
		mute:      {0, false, false},
		muteAfter: {0, true, false},
		internal:  {500, false, false},
		badGate:   {502, false, false},
		noService: {503, false, false},
		timeout:   {504, true, false},
		tooMany:   {429, false, false},
		tooManyIn: {429, false, false},
		html:      {200, false, false},
		htmlAfter: {200, true, false},
		truncated: {200, true, false},
	} {
		t.Run("fault "+string(f), func(t *testing.T) {
			p, reached := behindAPIProxy(t, always(f))
			resp, text, err := post(p)
			assert.Equal(t, reached.Load() > 0, want.reached)
			if want.status == 0 {
				assert.Assert(t, err != nil)
				return
			}
			assert.NilError(t, err)
			assert.Equal(t, resp.StatusCode, want.status)
			assert.Equal(t, json.Valid([]byte(text)), want.isJSON, text)
			assert.Equal(t, resp.Header.Get("Retry-After") != "", f == tooManyIn)
		})
	}
}

func TestAPIOutages(t *testing.T) {
	p, reached := behindAPIProxy(t, always(none))
	p.outage.Store(unavailable)
	resp, _, err := post(p)
	assert.NilError(t, err)
	assert.Equal(t, resp.StatusCode, http.StatusServiceUnavailable)
	p.outage.Store(silent)
	_, _, err = post(p)
	assert.Assert(t, err != nil)
	p.outage.Store(outage(""))
	p.away()
	_, _, err = post(p)
	assert.ErrorContains(t, err, "refused")
	assert.Equal(t, reached.Load(), int32(0))
	assert.NilError(t, p.back())
	_, _, err = post(p)
	assert.NilError(t, err)
}

func TestAFrontStaysAwayAsLongAsAnybodyWantsIt(t *testing.T) {
	p, _ := behindAPIProxy(t, always(none))
	p.away()
	p.away()
	assert.NilError(t, p.back())
	_, _, err := post(p)
	assert.ErrorContains(t, err, "refused")
	assert.NilError(t, p.back())
	_, _, err = post(p)
	assert.NilError(t, err)
}

func TestAmbushes(t *testing.T) {
	for _, after := range []bool{false, true} {
		p, reached := behindAPIProxy(t, always(none))
		killed := 0
		p.ambush.kill = func() { killed++ }
		other := p.ambush.set(moment{apiSide, opLogs, after})
		_, _, err := post(p)
		assert.NilError(t, err) // not what it waits for
		select {
		case <-other:
			t.Fatal("the moment has not come")
		default:
		}
		p.ambush.lift()
		came := p.ambush.set(moment{apiSide, "hello", after})
		_, _, err = post(p)
		assert.Assert(t, err != nil)
		<-came
		assert.Equal(t, killed, 1)
		assert.Equal(t, reached.Load() == 2, after)
		_, _, err = post(p)
		assert.NilError(t, err) // once
	}
}
