// Command pause is all that the benchmark's containers do.
package main

import "time"

func main() { time.Sleep(time.Hour) }
