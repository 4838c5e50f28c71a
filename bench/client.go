package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// dialTimeout bounds connecting; everything is on loopback.
const dialTimeout = 5 * time.Second

// client is a keep-alive HTTP/1.1 connection that writes requests which were
// built beforehand and parses as little of the answer as possible, so that the
// load generator takes little of the machine it shares with the server. It sends
// one request at a time, connects again when the connection was lost, and is
// not safe for concurrent use.
type client struct {
	ctx      context.Context // the client's life: everything fails once it ends
	addr     string
	deadline time.Time // of everything this client does
	conn     net.Conn
	unwatch  func() bool // lets go of ctx
	reader   *responseReader
}

func newClient(ctx context.Context, addr string, deadline time.Time) *client {
	return &client{ctx: ctx, addr: addr, deadline: deadline, reader: newResponseReader()}
}

// connect makes one task per connection and a function that ends them all. The
// connections give up at the window's deadline, or at once when ctx ends.
func connect(ctx context.Context, n int, addr string, w window, newTask taskMaker) (tasks []task, done func()) {
	var clients []*client
	for worker := range n {
		c := newClient(ctx, addr, w.deadline())
		clients = append(clients, c)
		tasks = append(tasks, newTask(c, worker))
	}
	return tasks, func() {
		for _, c := range clients {
			c.close()
		}
	}
}

// do sends one complete request and reads its answer, which is valid until the
// next call.
func (c *client) do(request []byte) (response, error) {
	if c.conn == nil {
		if err := c.connect(); err != nil {
			return response{}, err
		}
	}
	if _, err := c.conn.Write(request); err != nil {
		c.close()
		return response{}, err
	}
	res, err := c.reader.next(isHead(request))
	if err != nil || res.close {
		c.close()
	}
	return res, err
}

// expect sends a request and fails with a statusError when the answer has
// another status than the given one.
func (c *client) expect(status int, request []byte) (response, error) {
	res, err := c.do(request)
	if err == nil && res.status != status {
		err = statusError(res.status)
	}
	return res, err
}

func (c *client) connect() error {
	dialer := net.Dialer{Timeout: dialTimeout, Deadline: c.deadline}
	conn, err := dialer.DialContext(c.ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(c.deadline); err != nil {
		conn.Close()
		return err
	}
	// One deadline for all requests: setting it for each would cost as much as parsing.
	c.unwatch = context.AfterFunc(c.ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	c.conn, c.reader.src = conn, conn
	return nil
}

func (c *client) close() {
	if c.conn != nil {
		c.unwatch()
		c.conn.Close()
		c.conn = nil
	}
}

func isHead(request []byte) bool {
	return len(request) > 4 && string(request[:5]) == "HEAD "
}

// statusError is an answer with a status that the operation did not expect.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// failureKind sorts an error into the few kinds that a report tells apart.
func failureKind(err error) string {
	var status statusError
	switch {
	case errors.As(err, &status):
		return status.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection closed"
	case errors.Is(err, errMalformed), errors.Is(err, errTooLarge), errors.Is(err, errUnexpectedBody):
		return "unusable answer"
	}
	return "transport error"
}
