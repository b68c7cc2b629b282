// Command emv looks at EMV cards: it says in words what values mean, runs a whole transaction, of contact or by
// tap, with a software card, a card behind a socket, a USB chip card reader or a recorded transcript, records it,
// and serves software cards to others. See "emv help".
//
// It is a tool for test cards and test benches. It masks card data unless told otherwise, but a software PIN
// pad in a program on a desk is no PIN pad: never enter the PIN of a real card.
//
// Exit codes: 0 approved, or the payment may be stored (or the command did what it should); 1 not approved;
// 2 wrong usage or setup; 3 nothing can be said: the card was pulled, a connection broke, a transcript was
// not followed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const (
	exitDone     = 0
	exitDeclined = 1
	exitUsage    = 2
	exitUnknown  = 3
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program where the first could not: at a prompt
	return (&app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}).main(ctx, os.Args[1:])
}

// app is where the program reads and writes.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// command is one word after "emv".
type command struct {
	name, args, about, more string
	run                     func(a *app, ctx context.Context, c *command, args []string) error
}

func commands() []*command {
	return []*command{
		{"decode", "[flags] HEX|FILE|-", "say in words what bytes mean", decodeHelp, (*app).decode},
		{"run", "[flags]", "run a transaction with a card", runHelp, (*app).run},
		{"serve", "[flags]", "be a card for others, over TCP", serveHelp, (*app).serve},
		{"config", "", "print the test terminal's configuration", configHelp, (*app).config},
		{"cards", "", "list the software cards", cardsHelp, (*app).cards},
	}
}

// usageError is wrong input; it ends the program with exitUsage.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// errNotApproved ends the program with exitDeclined; everything was said.
var errNotApproved = errors.New("not approved")

// errSetup is a problem of a file or a setting; it ends the program with exitUsage.
var errSetup = errors.New("setup")

func setup(err error) error { return fmt.Errorf("%w%w", quiet{errSetup}, err) }

// quiet matches an error without saying it.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

func (a *app) main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(a.stderr, overview())
		return exitUsage
	}
	name, args := args[0], args[1:]
	if strings.TrimLeft(name, "-") == "help" || name == "-h" {
		if len(args) == 0 {
			fmt.Fprint(a.stdout, overview())
			return exitDone
		}
		name, args = args[0], []string{"-help"}
	}
	for _, c := range commands() {
		if c.name == name {
			return a.end(c, c.run(a, ctx, c, args))
		}
	}
	fmt.Fprintf(a.stderr, "emv: there is no command %q\nSee: emv help\n", name)
	return exitUsage
}

func (a *app) end(c *command, err error) int {
	_, wrong := errors.AsType[*usageError](err)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.Is(err, errNotApproved):
		return exitDeclined
	case wrong:
		fmt.Fprintf(a.stderr, "emv: %v\nSee: emv help %s\n", err, c.name)
		return exitUsage
	}
	fmt.Fprintf(a.stderr, "emv: %v\n", err)
	if errors.Is(err, errSetup) {
		return exitUsage
	}
	return exitUnknown
}

// parse reads the flags of a command; help goes to standard output.
func (a *app) parse(c *command, set *flag.FlagSet, args []string) error {
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(a.stdout, "usage: emv %s\n\n%s%s\n", strings.TrimSpace(c.name+" "+c.args), strings.ToUpper(c.about[:1])+c.about[1:]+".\n\n", strings.TrimSpace(c.more))
		set.SetOutput(a.stdout)
		empty := true
		set.VisitAll(func(*flag.Flag) { empty = false })
		if !empty {
			fmt.Fprintln(a.stdout, "\nFlags:")
			set.PrintDefaults()
		}
		return err
	}
	if err != nil {
		return usage("%v", err)
	}
	return nil
}

func overview() string {
	var b strings.Builder
	b.WriteString("usage: emv COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-8s %s\n", c.name, c.about)
	}
	b.WriteString(`
See "emv help COMMAND". Examples:

  emv decode 9F2701809F36020001
  emv decode -as tvr 8000008000
  emv run -card visa
  emv run -contactless -card tap-mastercard-phone-locked
  emv run -ccid -config terminal.json -amount 1250 -currency EUR -record payment.transcript
  emv run -transcript payment.transcript -json

Exit codes: 0 approved or may be stored, or done; 1 not approved; 2 wrong usage or setup; 3 nothing can be
said: the card was pulled, a connection broke, a transcript was not followed.
`)
	return b.String()
}
