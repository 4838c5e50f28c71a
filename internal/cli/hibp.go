package cli

import (
	"bufio"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardea/internal/breach"
	"cardea/internal/clock"
	"cardea/internal/fetch"
)

const (
	// rangeService is the public service of range lists.
	rangeService = "https://api.pwnedpasswords.com"
	// rangeParallel is how many ranges are asked for at once: the service is made for it.
	rangeParallel = 64
	rangeTimeout  = 30 * time.Second
	rangeRetries  = 5
	maxRange      = 4 << 20 // bytes
)

func hibpCommand(env Env) *cobra.Command {
	parent := group("hibp", "Keep breached passwords in a file, to refuse them without asking anybody")
	parent.AddCommand(hibpBuildCommand(env), hibpVerifyCommand(env), hibpLookupCommand(env))
	return parent
}

// listView is a file of breached passwords as programs see it.
type listView struct {
	Path     string    `json:"path"`
	Entries  uint64    `json:"entries"`
	MinCount uint32    `json:"min_count"`
	Bytes    int64     `json:"bytes"`
	MadeAt   time.Time `json:"made_at"`
}

func listResult(path string, i breach.Info, said string) result {
	return result{
		names: []string{path}, value: listView{path, i.Entries, i.MinCount, i.Size, i.Made},
		human: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s: %d breached passwords, each seen at least %d times, in %d bytes. %s\n", path, i.Entries, i.MinCount, i.Size, said)
			return err
		},
	}
}

func hibpBuildCommand(env Env) *cobra.Command {
	var o output
	var from, service string
	var minCount uint32
	parallel := rangeParallel
	c := &cobra.Command{
		Use: "build FILE", Short: "Make the file from the public range lists", Args: cobra.ExactArgs(1),
		Long: "Asks \"Have I Been Pwned\" for all of its 1,048,576 ranges, or reads a list that was downloaded before,\n" +
			"and writes a file of about 2.3 bytes a password. Takes less than 1 GB of memory. A call that was\n" +
			"interrupted goes on where it was; the file is there when it is whole. Put its path into\n" +
			"cardea.breached_passwords.file; a running server takes up a new file by itself.",
		RunE: func(c *cobra.Command, args []string) error {
			b, err := breach.Begin(args[0], max(1, minCount))
			if err != nil {
				return err
			}
			bar := newProgress(env.Err, "Building", breach.Shards)
			if from != "" {
				err = fillFromList(c.Context(), env, from, b, bar.step)
			} else {
				err = fillFromService(c.Context(), service, parallel, b, bar.step)
			}
			bar.finish()
			if err != nil {
				return fmt.Errorf("%w\nWhat was done is kept: the same command goes on from there", err)
			}
			info, err := b.Finish(clock.System{}.Now())
			if err != nil {
				return err
			}
			return o.print(c.OutOrStdout(), listResult(args[0], info, "Name it in cardea.breached_passwords.file."))
		},
	}
	c.Flags().StringVar(&from, "from", "", "read a list of lines SHA1:COUNT, sorted, instead of asking the service; - is standard input")
	c.Flags().StringVar(&service, "url", rangeService, "the service to ask")
	c.Flags().IntVar(&parallel, "parallel", parallel, "how many ranges are asked for at once")
	c.Flags().Uint32Var(&minCount, "min-count", 1, "leave out passwords that were seen less often")
	o.flags(c)
	return c
}

func fillFromList(ctx context.Context, env Env, path string, b *breach.Build, step func()) error {
	if path == "-" {
		return breach.Lines(ctx, env.In, b, step)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return breach.Lines(ctx, f, b, step)
}

func fillFromService(ctx context.Context, service string, parallel int, b *breach.Build, step func()) error {
	// Whoever starts this program may name any service, one on this machine included.
	client, err := fetch.New(fetch.Options{
		Policy: fetch.Trusted, Exceptions: []string{"**"}, MaxBody: maxRange, Timeout: rangeTimeout, Retries: rangeRetries, Proxy: http.ProxyFromEnvironment,
	})
	if err != nil {
		return err
	}
	return breach.Ranges{Client: client, URL: service, Parallel: parallel}.Fill(ctx, b, step)
}

func hibpVerifyCommand(env Env) *cobra.Command {
	var o output
	c := &cobra.Command{
		Use: "verify FILE", Short: "Read the whole file and compare its check sums", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := breach.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			bar := newProgress(env.Err, "Verifying", breach.Shards)
			err = f.Verify(bar.step)
			bar.finish()
			if err != nil {
				return err
			}
			return o.print(c.OutOrStdout(), listResult(args[0], f.Info(), "It is intact."))
		},
	}
	o.flags(c)
	return c
}

// errBreached lets a script see the answer in the exit code.
var errBreached = errors.New("the password is known from breaches")

func hibpLookupCommand(env Env) *cobra.Command {
	return &cobra.Command{
		Use: "lookup FILE", Short: "Say whether a password is in the file", Args: cobra.ExactArgs(1),
		Long: "Reads one password from standard input, never from the arguments, which everybody on a machine\n" +
			"sees. The exit code is 1 when it is in the file.",
		RunE: func(c *cobra.Command, args []string) error {
			f, err := breach.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			line, err := bufio.NewReader(env.In).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			found, err := f.Contains(sha1.Sum([]byte(strings.TrimRight(line, "\r\n"))))
			if err != nil {
				return err
			}
			if found {
				return errBreached
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "The password is not in the file.")
			return err
		},
	}
}
