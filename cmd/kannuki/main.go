// Command kannuki holds iOS releases back from production iPhones until every
// business app is verified, and then gets them installed: the server, and the
// command line that people and their programs work with it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:])) }

// run carries out one command and returns its exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	g := newGlobals(args, os.Getenv)
	root := newRootCommand(g)
	root.SetArgs(args)
	return g.report(os.Stderr, root.ExecuteContext(ctx))
}
