package main

import (
	"io"
	"sync"
	"time"
)

// journal is a file that tells what passed the proxies.
type journal struct {
	mu sync.Mutex
	to io.Writer
}

func (j *journal) note(agent string, on side, op, what string) {
	now := time.Now().UTC().Format("15:04:05.000")
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = io.WriteString(j.to, now+" "+agent+" "+string(on)+" "+op+": "+what+"\n") // nothing depends on it
}
