package jsonnet

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// holdCommand makes the test binary a parent that evaluates until it is killed.
const holdCommand = "hold-an-evaluation"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case WorkerCommand:
			exit(Serve(os.Stdin, os.Stdout))
		case holdCommand:
			exit(hold())
		}
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func hold() error {
	p, err := New(Options{Workers: 1, Timeout: time.Hour})
	if err != nil {
		return err
	}
	defer p.Close()
	_, err = p.Evaluate(context.Background(), Program{Snippet: endless}, Vars{})
	return err
}
