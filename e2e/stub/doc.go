// Package stub has the two ends that an agent talks to, made instant and recording: an engine behind a
// unix socket and a Prefect API over HTTP. They serve the comparison with the Python agent, the benchmark
// and the soak, so they cost little and do what Docker Engine 20.10 and Prefect Server do, as far as
// agents can tell.
package stub
