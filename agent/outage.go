package agent

import (
	"log/slog"
	"time"
)

// outage says once that something is away and once that it is back.
type outage struct {
	log   *slog.Logger
	what  string
	since time.Time
	// refused changes the wording: what is meant answers, but not as it should.
	refused bool
}

func (o *outage) begin(err error) {
	if !o.since.IsZero() {
		o.log.Debug(o.what+" is still unavailable", "reason", err)
		return
	}
	o.since = time.Now()
	if o.refused {
		o.log.Error(o.what+" refuses the request; trying again until it does not", "reason", err)
		return
	}
	o.log.Error(o.what+" is unavailable; trying again until it answers", "reason", err)
}

func (o *outage) over() {
	if o.since.IsZero() {
		return
	}
	o.log.Info(o.what+" answers again", "after", time.Since(o.since).Round(100*time.Millisecond))
	o.since = time.Time{}
}
