package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// barWidth is how many characters a full bar has.
const barWidth = 30

// progress shows how far long work has come, on standard error and only when that
// is a terminal: it never ends up in a file or in the log of a job.
type progress struct {
	out   io.Writer // nil shows nothing
	label string
	total int
	done  int
}

// newProgress begins a bar for so many steps.
func newProgress(out io.Writer, label string, total int) *progress {
	p := &progress{label: label, total: total}
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.out = out
	}
	p.draw()
	return p
}

// step counts one step.
func (p *progress) step() {
	p.done++
	p.draw()
}

// say writes a line above the bar, shown or not, for what should not wait.
func (p *progress) say(out io.Writer, line string) {
	p.wipe()
	fmt.Fprintln(out, line)
	p.draw()
}

// finish takes the bar away.
func (p *progress) finish() { p.wipe() }

func (p *progress) draw() {
	if p.out == nil || p.total == 0 {
		return
	}
	full := min(barWidth, barWidth*p.done/p.total)
	fmt.Fprintf(p.out, "\r\x1b[K%s [%s%s] %d/%d", p.label, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), p.done, p.total)
}

func (p *progress) wipe() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
