package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// conformance checks the machine's devices and fails unless all conform.
func conformance(ctx context.Context, o options, stdout, stderr io.Writer) error {
	leave, err := o.temporary(ctx)
	if err != nil {
		return err
	}
	o.verbose = false // every line is printed below
	return leave(withRig(ctx, o, stderr, func(ctx context.Context, r *rig) error {
		defer r.Kill() // the tool has nothing to save
		var failed error
		passed, err := r.conform(ctx, func(line string) {
			if _, perr := fmt.Fprintln(stdout, line); failed == nil {
				failed = perr
			}
		})
		switch {
		case err != nil:
			return err
		case failed != nil:
			return failed
		case !passed:
			return errors.New("the devices do not conform")
		}
		return nil
	}))
}
