// Command container does what its arguments say, one after the other, in an image without a shell.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	for _, arg := range os.Args[1:] {
		verb, what, _ := strings.Cut(arg, "=")
		switch verb {
		case "out":
			fmt.Println(what)
		case "err":
			fmt.Fprintln(os.Stderr, what)
		case "env":
			value, set := os.LookupEnv(what)
			fmt.Println(what, value, set)
		case "write":
			fmt.Println(os.WriteFile(what, []byte("kept"), 0o600))
		case "read":
			content, err := os.ReadFile(what)
			fmt.Println(string(content), err)
		case "interfaces":
			interfaces, err := net.Interfaces()
			fmt.Println(len(interfaces), err)
		case "sleep":
			seconds, _ := strconv.ParseFloat(what, 64)
			time.Sleep(time.Duration(seconds * float64(time.Second)))
		case "exit":
			code, _ := strconv.Atoi(what)
			os.Exit(code)
		}
	}
}
