package bench

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

// UsageError is wrong input: exit code 2, with a pointer to the help.
type UsageError struct{ Problem error }

// Error says what was wrong.
func (e UsageError) Error() string { return e.Problem.Error() }

// Unwrap returns what was wrong.
func (e UsageError) Unwrap() error { return e.Problem }

// Usagef is a UsageError with a text.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Parse reads a command's flags and returns what follows them. There, -help and
// -control are still understood: people add them at the end. The help is the
// usage text with the list of flags below. Wrong flags are a UsageError.
func Parse(name, usage string, register func(*flag.FlagSet), args []string, stderr io.Writer) (rest []string, err error) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprint(set.Output(), usage)
		set.PrintDefaults()
	}
	register(set)
	err = set.Parse(args)
	if err == nil {
		rest, err = late(set, set.Args())
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		err = UsageError{Problem: err}
	}
	return rest, err
}

// late takes -help and -control out of what follows the flags.
func late(set *flag.FlagSet, args []string) (rest []string, err error) {
	for i := 0; i < len(args); i++ {
		name, value, given := strings.Cut(strings.TrimPrefix(args[i], "-"), "=")
		switch {
		case args[i] == "-h", args[i] == "-help", args[i] == "--help":
			set.Usage()
			return nil, flag.ErrHelp
		case strings.HasPrefix(args[i], "-") && strings.TrimPrefix(name, "-") == "control":
			if !given {
				if i++; i == len(args) {
					return nil, errors.New("flag needs an argument: -control")
				}
				value = args[i]
			}
			if err := set.Set("control", value); err != nil {
				return nil, err
			}
		default:
			rest = append(rest, args[i])
		}
	}
	return rest, nil
}

// Main runs a command until it ends or somebody asks it to stop, and returns
// the exit code.
func Main(name string, run func(context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // who asks a second time is not kept waiting
	err := run(ctx)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(UsageError)):
		fmt.Fprintf(os.Stderr, "%s: %v\nRun with -help for the ways to use it.\n", name, err)
		return 2
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintf(os.Stderr, "%s: interrupted\n", name)
		return 1
	default:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
}
