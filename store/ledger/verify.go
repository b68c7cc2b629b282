package main

import (
	"context"
	"flag"
	"fmt"
)

const verifyHelp = `ledger verify FILE [-key KEY]

Checks an export: each entry's signature and hash, that the chain is whole from its
beginning (or from the signed checkpoint that pruning left), that the file ends with the
reader's signed end, that no payment sequence is missing, and that the sealed payments are
those that were signed for.

  -key KEY   the reader's device key: a file (PEM or DER; key or certificate), or base64.
             Without it the key is taken from the file's first line, which proves that the
             file is of one piece, not whose it is.

Exit codes: 0 all well; 1 something is wrong; 2 wrong usage.
`

func (a *app) verify(_ context.Context, flags *flag.FlagSet, args []string) error {
	keyName := flags.String("key", "", "")
	name, err := parse(flags, args, "export file")
	if err != nil {
		return err
	}
	key, err := namedKey(*keyName)
	if err != nil {
		return err
	}
	x, err := readExport(name, key)
	if err != nil {
		return err
	}
	waiting, envelopes := 0, 0
	for _, p := range x.payments {
		if p.waits() {
			waiting++
		}
		if p.envelope != nil {
			envelopes++
		}
	}
	fmt.Fprintf(a.stdout, "reader     %s\n", plain(x.head.Reader))
	fmt.Fprintf(a.stdout, "entries    %d, index %d to %d\n", x.report.Entries, x.report.First, x.report.Head)
	fmt.Fprintf(a.stdout, "payments   %d, of which %d wait; %d sealed\n", len(x.payments), waiting, envelopes)
	if x.report.Pruned != nil {
		fmt.Fprintf(a.stdout, "pruned     entries up to %d, as a signed checkpoint says\n", x.report.Pruned.Through)
	}
	for _, note := range x.notes {
		fmt.Fprintf(a.stdout, "note       %s\n", plain(note))
	}
	for _, problem := range x.problems {
		fmt.Fprintf(a.stdout, "WRONG      %s\n", plain(problem))
	}
	if len(x.problems) > 0 {
		return errSaid(exitWrong)
	}
	fmt.Fprintln(a.stdout, "all well")
	return nil
}
