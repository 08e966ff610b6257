package main

import (
	"fmt"
	"regexp"
	"time"
)

// states are those that the run went through, as docker prefect run prints them.
type states []state

// state is one of them.
type state struct {
	at   time.Time
	name string
}

var stateLine = regexp.MustCompile(`(?m)^\[(.+?)\] STATE - flow run \| (\w+)`)

func readStates(output string) (list states) {
	for _, match := range stateLine.FindAllStringSubmatch(output, -1) {
		at, err := time.Parse("2006-01-02 15:04:05,000", match[1])
		if err != nil {
			continue
		}
		list = append(list, state{at, match[2]})
	}
	return list
}

func (s states) final() string {
	if len(s) == 0 {
		return "none was seen"
	}
	return s[len(s)-1].name
}

// print tells how long each state lasted.
func (s states) print() {
	for i := 1; i < len(s); i++ {
		fmt.Printf("%7.1f s    from %s to %s\n", s[i].at.Sub(s[i-1].at).Seconds(), s[i-1].name, s[i].name)
	}
}
