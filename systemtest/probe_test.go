package systemtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// A prober asks whoami at a steady pace on a connection of its own, while others
// load the server. It is a process of its own, a second run of the test binary:
// in the process that makes the load it would measure the load's own scheduler.
// In turns it asks whether the server is alive, which takes nothing but its turn
// on a processor: the difference is what whoami itself has to wait for.

// The variables that make the test binary a prober.
const (
	probeAddr  = "CARDEA_SYSTEMTEST_PROBE_ADDR"
	probeToken = "CARDEA_SYSTEMTEST_PROBE_TOKEN"
)

const (
	probeInterval = 2 * time.Millisecond
	fewestProbes  = 200 // below which a 99th percentile says nothing
)

// probed is what a prober has found.
type probed struct {
	Count    int
	P50, P99 time.Duration
	Alive    time.Duration // 99th percentile of /health/alive
	Failure  string        // "" for none
}

// waited estimates how long the slowest percent of the whoami questions waited for
// anything but a processor. Load takes all processors, others use the machine as
// well, and everybody queues for those: what /health/alive waits is taken off,
// twice, because two samples of one queue differ by as much.
func (p probed) waited() time.Duration { return p.P99 - 2*p.Alive }

// prober is the process that asks.
type prober struct {
	cmd    *exec.Cmd
	end    io.Closer // the process reads until this is closed
	out    io.Reader
	enough chan struct{} // closed when it has asked often enough, or is gone
}

func (s *server) probe(t *testing.T, token string) *prober {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &prober{cmd: exec.Command(self), enough: make(chan struct{})}
	bindToParent(p.cmd)
	p.cmd.Env = []string{probeAddr + "=" + s.publicAddr, probeToken + "=" + token}
	if p.end, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.enough)
		_, _ = io.ReadFull(p.out, make([]byte, len(enough)))
	}()
	return p
}

// hasEnough tells whether the prober has asked often enough to say something.
func (p *prober) hasEnough() bool {
	select {
	case <-p.enough:
		return true
	default:
		return false
	}
}

// stop ends the probing.
func (p *prober) stop(t *testing.T) (found probed) {
	t.Helper()
	_ = p.end.Close()
	<-p.enough
	if err := json.NewDecoder(p.out).Decode(&found); err != nil {
		t.Errorf("read what the prober found: %v", err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the prober ended with %v", err)
	}
	if found.Failure != "" {
		t.Fatalf("ask who is calling beside a crowd: %s", found.Failure)
	}
	if found.Count < fewestProbes {
		t.Fatalf("whoami was asked only %d times", found.Count)
	}
	t.Logf("whoami was asked %d times: median %s, 99th percentile %s; of /health/alive %s", found.Count, found.P50, found.P99, found.Alive)
	return found
}

// enough is what a prober writes when it has asked fewestProbes times, and at its
// end if it has not: white space before the JSON that says what it has found.
const enough = "\n"

// probe is the prober's main function: it asks until end is at its end, and
// writes what it has found.
func probe(addr, token string, end io.Reader, out io.Writer) (code int) {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, end) // that it ends is all that counts
		close(done)
	}()
	tell := sync.OnceFunc(func() { _, _ = io.WriteString(out, enough) })
	whoami, alive, err := askUntil(done, addr, token, tell)
	tell()
	found := probed{Count: len(whoami), P50: percentile(whoami, 50), P99: percentile(whoami, 99), Alive: percentile(alive, 99)}
	if err != nil {
		found.Failure = err.Error()
	}
	if json.NewEncoder(out).Encode(found) != nil {
		return 1
	}
	return 0
}

func percentile(took []time.Duration, n int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*n/100]
}

func askUntil(done <-chan struct{}, addr, token string, enough func()) (whoami, alive []time.Duration, err error) {
	first, err := dialAsker(addr, "/sessions/whoami", token)
	if err != nil {
		return nil, nil, err
	}
	defer first.close()
	second, err := dialAsker(addr, "/health/alive", token)
	if err != nil {
		return nil, nil, err
	}
	defer second.close()
	pace := time.NewTicker(probeInterval)
	defer pace.Stop()
	for {
		select {
		case <-done:
			return whoami, alive, nil
		case <-pace.C:
		}
		took, err := first.ask()
		if err != nil {
			return whoami, alive, err
		}
		whoami = append(whoami, took)
		if took, err = second.ask(); err != nil {
			return whoami, alive, err
		}
		if alive = append(alive, took); len(alive) >= fewestProbes {
			enough()
		}
	}
}

// asker is one connection and the one question that is asked on it.
type asker struct {
	conn     net.Conn
	in       *bufio.Reader
	question []byte
}

func dialAsker(addr, path, token string) (*asker, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &asker{conn, bufio.NewReader(conn),
		fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nX-Session-Token: %s\r\n\r\n", path, addr, token)}, nil
}

func (a *asker) close() { _ = a.conn.Close() }

// ask gives how long the answer took.
func (a *asker) ask() (time.Duration, error) {
	begun := time.Now()
	if _, err := a.conn.Write(a.question); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(a.in, nil)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("answered %s", res.Status)
	}
	return time.Since(begun), nil
}
