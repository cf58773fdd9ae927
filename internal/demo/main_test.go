package demo_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/server"
)

// TestMain lets the test binary be the server as well: the demo starts its own
// program with "serve --data DIR".
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		os.Exit(serve(os.Args[3]))
	}
	os.Exit(m.Run())
}

func serve(data string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := server.Run(ctx, server.Options{
		Data: data, Version: "test", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Getenv: func(string) string { return "" }, Wall: time.Now,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
