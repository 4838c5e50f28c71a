package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// bareCommand is the hidden first argument that turns the benchmark into the
// bare server. It is a process of its own so that its processor time can be
// told apart from the load generator's.
const bareCommand = "serve-bare"

// bareBody has the size of a usual answer of whoami, in bytes.
const bareBody = 1400

// serveBare answers every request with a fixed JSON document: what net/http
// costs when the server does nothing. It prints its address and ends with stdin.
func serveBare(stdin io.Reader, stdout io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, listener.Addr())
	server := http.Server{Handler: bareHandler()}
	go func() {
		io.Copy(io.Discard, stdin)
		server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func bareHandler() http.Handler {
	const head, foot = `{"filler":"`, `"}`
	body := []byte(head + strings.Repeat("x", bareBody-len(head)-len(foot)) + foot)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write(body)
	})
}

// startBare starts the bare server as a child and returns its address.
func startBare() (*process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(self, bareCommand)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // held open: its end is the child's end
		return nil, "", err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	p, err := startProcess(cmd)
	if err != nil {
		return nil, "", err
	}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, "", fmt.Errorf("the bare server did not start: %w", err)
	}
	return p, strings.TrimSpace(addr), nil
}
