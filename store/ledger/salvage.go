package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"smartreader/store"
)

const salvageHelp = `ledger salvage DIR -o FILE

Makes an export from the store of a reader that does not start any more. DIR is the folder
with "db" and "head" in it, on the reader's disk or a copy of it, or a folder above it: the
reader's data partition, or what the simulator was given with -data. Nothing in it is
changed, it may be mounted read-only. Of a reader that runs, salvage nothing: use "pos
export". The work is done on a copy of the database in the folder for
temporary files (TMPDIR), which needs as much room as the database. The device key is not
needed. FILE must not exist yet.

  -o FILE   the export

Exit codes: 0 everything was there; 1 not everything, and FILE has what reads; 2 wrong usage.
`

func (a *app) salvage(ctx context.Context, flags *flag.FlagSet, args []string) error {
	out := flags.String("o", "", "")
	dir, err := parse(flags, args, "folder")
	if err != nil {
		return err
	}
	if *out == "" {
		return usage("name the file to write with -o")
	}
	dir = ledgerIn(dir)
	f, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return usage("%v", err)
	}
	w := bufio.NewWriter(f)
	err = store.Salvage(ctx, dir, w)
	if written := errors.Join(w.Flush(), f.Sync(), f.Close()); written != nil {
		return errors.Join(err, written)
	}
	switch {
	case errors.Is(err, store.ErrSalvage):
		fmt.Fprintf(a.stderr, "%s: %v\n", *out, err)
		return errSaid(exitWrong)
	case errors.Is(err, store.ErrLocked):
		return errors.Join(fmt.Errorf("%w; the reader runs: use \"pos export\", or stop it first", err), os.Remove(*out))
	case err != nil:
		return errors.Join(err, os.Remove(*out))
	}
	fmt.Fprintf(a.stdout, "%s: everything was there; next: ledger verify %s\n", *out, *out)
	return nil
}

// ledgerIn finds the store below a reader's data folder ("ledger") or a
// simulator's ("reader/ledger"). What is not found stays as it was named.
func ledgerIn(dir string) string {
	for _, below := range []string{"", "ledger", "reader/ledger"} {
		at := filepath.Join(dir, below)
		if _, err := os.Stat(filepath.Join(at, "db")); err == nil {
			return at
		}
	}
	return dir
}
