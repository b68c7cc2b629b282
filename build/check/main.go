// Command check checks everything: what a contributor runs before sending a
// change is what runs on the project's own machines.
//
//	go run ./build/check                  everything; two minutes of it are fuzzing
//	go run ./build/check -short           quick: no race detector, no fuzzing
//	go run ./build/check -only vet,test   some steps
//	go run ./build/check -list            the steps
//	go run ./build/check -fuzz 1h         more fuzzing
//	go run ./build/check -metal           images, QEMU and containers too; Debian packages: see CONTRIBUTING.md
//
// All steps run even when one fails; what failed is shown once more at the end,
// and the exit code is 1. It needs Go and, for the race detector, a C compiler.
// Tools that do not come with Go are fetched by Go at the versions pinned here.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := check(ctx, os.Args[1:], os.Stdout)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		stop()
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "check:", err)
		stop()
		os.Exit(1)
	}
}

var (
	errUsage  = errors.New("wrong usage")
	errFailed = errors.New("failed")
)

func check(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(out)
	short := flags.Bool("short", false, "quick: tests with -short and without race detector, no fuzzing")
	fuzzing := flags.Duration("fuzz", 2*time.Minute, "how long to fuzz in all, shared by all targets; 0 for none")
	only := flags.String("only", "", "run only these `steps`, separated by commas")
	onMetal := flags.Bool("metal", false, "also the steps about devices: images, QEMU, containers")
	list := flags.Bool("list", false, "list the steps and do nothing")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	if flags.NArg() > 0 || *fuzzing < 0 {
		fmt.Fprintln(out, "check takes no arguments, and no negative durations; see -help")
		return errUsage
	}
	all := slices.Concat(steps, metal)
	if *list {
		for _, s := range all {
			fmt.Fprintf(out, "%-12s %s\n", s.name, s.what)
		}
		return nil
	}
	if *only == "" && !*onMetal {
		all = steps
	}
	chosen, err := choose(all, *only)
	if err != nil {
		fmt.Fprintln(out, err)
		return errUsage
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	if *short {
		*fuzzing = 0
	}
	return run(ctx, chosen, &job{root: root, short: *short, fuzzing: *fuzzing, out: out})
}

// choose returns the steps named in a list, all for an empty one, in their own
// order.
func choose(all []step, only string) ([]step, error) {
	if only == "" {
		return all, nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("there is no step %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s step) bool { return !slices.Contains(wanted, s.name) }), nil
}
