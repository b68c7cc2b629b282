package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"smartreader/store"
)

const salvageHelp = `ledger salvage DIR -o FILE

Makes an export from the store of a reader that does not start any more. DIR is the folder
with "db" and "head" in it, on the reader's disk or a copy of it; nothing in it is changed,
it may be mounted read-only. The work is done on a copy of the database in the folder for
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
	case err != nil:
		return errors.Join(err, os.Remove(*out))
	}
	fmt.Fprintf(a.stdout, "%s: everything was there; next: ledger verify %s\n", *out, *out)
	return nil
}
