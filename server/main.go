// Command gridward is a command-and-dispatch centre for grid governance in one
// program: positions in, incidents in, live to the big screen.
//
// This package wires the rooms of the house together and does nothing else:
// main.go names the commands, config.go reads what they are told, run.go builds
// the house from the ground up.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // devices have zones of their own; the machine may have none
)

// version is set by the build (-ldflags -X main.version=…).
var version = ""

// process is what a command may touch of the process it runs in, so that a
// test can run one.
type process struct {
	args   []string
	in     io.Reader
	out    io.Writer
	errOut io.Writer
	env    func(string) string
}

// command is one word of the command line.
type command struct {
	name, brief string
	run         func(ctx context.Context, p process) error
}

// commands are all there are, in the order of the help.
var commands = []command{
	{"serve", "run the command centre", serveMain},
	{"demo", "run it with the demo street and simulated workers", demoMain},
	{"simulate", "send simulated workers to a running centre, for load; simulate cases fills a database with cases", simulateMain},
	{"replay", "send recorded tracks (.gpx, .plt, .csv) to a running centre", replayMain},
	{"import", "import organisations, grids, workers, shifts or a base map", importMain},
	{"device", "add, rotate or revoke a device's credential", deviceMain},
	{"user", "add an account or set its password", userMain},
	{"migrate", "bring a database to this program's schema", migrateMain},
	{"dsn", "print the address of the running private database", dsnMain},
	{"version", "print the version", versionMain},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(dispatch(ctx, process{args: os.Args[1:], in: os.Stdin, out: os.Stdout, errOut: os.Stderr, env: os.Getenv}))
}

// dispatch runs the command that the first argument names and returns the exit status.
func dispatch(ctx context.Context, p process) int {
	if len(p.args) == 0 || p.args[0] == "help" || p.args[0] == "-h" || p.args[0] == "--help" {
		usage(p.out)
		return 0
	}
	for _, c := range commands {
		if c.name != p.args[0] {
			continue
		}
		p.args = p.args[1:]
		err := c.run(ctx, p)
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, context.Canceled) && ctx.Err() != nil:
			return 130
		}
		fmt.Fprintf(p.errOut, "gridward %s: %v\n", c.name, err)
		return 1
	}
	fmt.Fprintf(p.errOut, "gridward: there is no command %q\n\n", p.args[0])
	usage(p.errOut)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Gridward: a command-and-dispatch centre for grid governance (网格化指挥调度)\n\nusage: gridward COMMAND [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.brief)
	}
	fmt.Fprint(w, "\ngridward COMMAND -h lists its flags; each can also be set as GRIDWARD_<FLAG>.\n")
}

// programVersion is the version of the build, or of the module when nothing was set.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "dev-" + s.Value[:12]
			}
		}
	}
	return "dev"
}

func versionMain(_ context.Context, p process) error {
	fmt.Fprintln(p.out, "gridward", programVersion())
	return nil
}
