// Command pos is a POS on the command line: it takes payments on a reader and
// shows what the reader stores and forwards. See "pos help".
//
// Exit codes: 0 done; 1 declined or refused, nothing was charged or changed;
// 2 wrong usage or setup; 3 the outcome is not known, ask again.
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
	"sync/atomic"
	"syscall"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

const (
	exitDone    = 0
	exitRefused = 1
	exitUsage   = 2
	exitUnknown = 3
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return (&app{stdout: os.Stdout, stderr: os.Stderr}).main(ctx, os.Args[1:])
}

type app struct {
	stdout, stderr io.Writer
	common
	over atomic.Bool // pay knows its outcome: no more progress
}

// usageError is wrong input: exit code 2, with the command to look at.
type usageError struct {
	command string // empty: the program's own help
	problem string
}

func (e *usageError) Error() string { return e.problem }

// errSaid ends a command with an exit code after it has said everything.
type errSaid int

func (e errSaid) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func (a *app) main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(a.stderr, overview())
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return a.help(args)
	}
	cmd, ok := find(name)
	if !ok {
		return a.fail(&usageError{problem: fmt.Sprintf("there is no command %q; the command comes first, then its flags", name)})
	}
	err := cmd.start(a, ctx, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(a.stdout, cmd.help())
		return exitDone
	}
	return a.fail(err)
}

func (a *app) help(args []string) int {
	if len(args) == 0 || args[0] == "help" || strings.HasPrefix(args[0], "-") {
		fmt.Fprint(a.stdout, overview())
		return exitDone
	}
	cmd, ok := find(args[0])
	if !ok {
		return a.fail(&usageError{problem: fmt.Sprintf("there is no command %q", args[0])})
	}
	fmt.Fprint(a.stdout, cmd.help())
	return exitDone
}

// fail says what went wrong and what to do, and returns the exit code.
func (a *app) fail(err error) int {
	if err == nil {
		return exitDone
	}
	if said, ok := errors.AsType[errSaid](err); ok {
		return int(said)
	}
	if usage, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(a.stderr, "pos: %s\nSee: %s\n", usage.problem, strings.TrimSpace("pos help "+usage.command))
		return exitUsage
	}
	code := exitUsage
	refused, answered := wire.AsError(err)
	switch {
	case answered && refused.OutcomeUnknown(), errors.Is(err, client.ErrLost):
		code = exitUnknown
	case answered:
		code = exitRefused
	}
	if _, ok := errors.AsType[*unchargedError](err); ok && code == exitUnknown {
		code = exitRefused
	}
	if a.json {
		if !answered {
			refused = wire.NewError(wire.CodeReaderCommunicationError, err.Error())
		}
		a.print(struct {
			Error *wire.Error `json:"error"`
		}{refused})
		return code
	}
	if answered {
		fmt.Fprintf(a.stderr, "pos: %s: %s\n  what to do: %s\n", refused.Code, refused.Message, inCommands.Replace(refused.Remedy))
	} else {
		fmt.Fprintf(a.stderr, "pos: %v\n", err)
	}
	return code
}
