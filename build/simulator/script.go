package main

import (
	"context"
	"io"

	"smartreader/build/bench"
)

// readScript reads the script that a flag named, if it did.
func readScript(file string) (bench.Script, error) {
	if file == "" {
		return nil, nil
	}
	return bench.ReadScript(file)
}

// play carries the script out and then waits: a part of a program that ends
// is the end of all of it.
func play(ctx context.Context, script bench.Script, control string, stdout io.Writer) error {
	if err := script.Play(ctx, bench.Client{Base: control, Start: startCommand}, stdout); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
