// Command ledger reads export files of readers: it checks them, lists them, makes
// a table of them, makes one from a dead reader's disk, and submits what waits in
// one in the reader's place. It needs no reader and, but for rescue, no network.
// The format is documented at store.ExportLine. See "ledger help".
//
// Exit codes: 0 all well; 1 something is wrong, or not all payments were approved;
// 2 wrong usage or setup, nothing was done; 3 some outcomes are not known: run it
// again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	exitDone    = 0
	exitWrong   = 1
	exitUsage   = 2
	exitUnknown = 3
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{stdout: os.Stdout, stderr: os.Stderr, now: time.Now, sleep: sleep, jitter: rand.Float64}
	return a.main(ctx, os.Args[1:])
}

type app struct {
	stdout, stderr io.Writer
	now            func() time.Time
	sleep          func(context.Context, time.Duration) error
	jitter         func() float64 // from 0 to 1
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errUsage is wrong input or setup: exit code 2.
type errUsage struct{ problem string }

func (e *errUsage) Error() string { return e.problem }

func usage(format string, args ...any) error { return &errUsage{fmt.Sprintf(format, args...)} }

// errSaid ends a command with an exit code after it has said everything.
type errSaid int

func (e errSaid) Error() string { return fmt.Sprintf("exit %d", int(e)) }

const help = `ledger reads export files of readers ("pos export", "ledger salvage").

  ledger verify FILE [-key KEY]      check every hash and signature, and that nothing is missing
  ledger list FILE                   show the payments
  ledger csv FILE                    the payments as a table, to standard output
  ledger salvage DIR -o FILE         make an export from a dead reader's store folder
  ledger rescue FILE -platform URL -key sk_... [-ca FILE]
                                     submit the payments that wait, in the reader's place

"ledger COMMAND -help" tells more. Exit codes: 0 all well; 1 something is wrong, or not
all payments were approved; 2 wrong usage or setup; 3 some outcomes are not known: run
it again.
`

type command struct {
	name string
	help string
	run  func(*app, context.Context, *flag.FlagSet, []string) error
}

var commands = []command{
	{"verify", verifyHelp, (*app).verify},
	{"list", listHelp, (*app).list},
	{"csv", csvHelp, (*app).csv},
	{"salvage", salvageHelp, (*app).salvage},
	{"rescue", rescueHelp, (*app).rescue},
}

func (a *app) main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(a.stderr, help)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(a.stdout, help)
		return exitDone
	}
	for _, c := range commands {
		if c.name != name {
			continue
		}
		flags := flag.NewFlagSet(name, flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		return a.end(name, c.run(a, ctx, flags, args), c.help)
	}
	fmt.Fprintf(a.stderr, "ledger: there is no command %q; see \"ledger help\"\n", name)
	return exitUsage
}

func (a *app) end(name string, err error, help string) int {
	var said errSaid
	var wrong *errUsage
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(a.stdout, help)
		return exitDone
	case errors.As(err, &said):
		return int(said)
	case errors.As(err, &wrong):
		fmt.Fprintf(a.stderr, "ledger %s: %v; see \"ledger %s -help\"\n", name, err, name)
		return exitUsage
	default:
		fmt.Fprintf(a.stderr, "ledger %s: %v\n", name, err)
		return exitWrong
	}
}

// parse reads flags and the one argument that is none, in any order.
func parse(flags *flag.FlagSet, args []string, what string) (string, error) {
	var found []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return "", err
			}
			return "", usage("%v", err)
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		found, args = append(found, args[0]), args[1:]
	}
	if len(found) != 1 {
		return "", usage("name one %s, not %d of them", what, len(found))
	}
	return found[0], nil
}
