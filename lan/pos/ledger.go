package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"smartreader/lan/client"
)

type exportFlags struct {
	out    string
	rescue bool
}

var exportCommand = command{
	name: "export", short: "write the reader's ledger to a file",
	long: `
The file holds every entry of the ledger, signed by the reader, and the sealed
payments that wait. Nobody but the platform can read a card number in it.

With -rescue the payments that wait are handed over: this reader does not send
them by itself any more, and another one does with "pos rescue FILE". Take one
back with "pos forward -payment PAYMENT".`,
	flags: func(flags *flag.FlagSet) any {
		f := new(exportFlags)
		flags.StringVar(&f.out, "o", "", "`file` to write; it must not exist")
		flags.BoolVar(&f.rescue, "rescue", false, "hand the payments that wait over to whoever has the file")
		return f
	},
	run: func(a *app, ctx context.Context, _ []string, flags any) error {
		f := flags.(*exportFlags)
		if f.out == "" {
			return &usageError{"export", "name the file to write with -o"}
		}
		if _, err := os.Lstat(f.out); !errors.Is(err, fs.ErrNotExist) {
			return &usageError{"export", f.out + " is there already, and an export is never written over; name another file"}
		}
		return a.withReader(ctx, opening{}, func(_ context.Context, sess *session) error {
			done, err := a.export(ctx, sess.Conn, f)
			if err != nil {
				return err
			}
			return a.tellExport(done, f)
		})
	},
}

// export writes to FILE.part first. With -rescue a part is kept when it fails: it
// may be all there is of payments that were handed over.
func (a *app) export(ctx context.Context, conn *client.Conn, f *exportFlags) (done client.Exported, err error) {
	part := f.out + ".part"
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return done, &usageError{"export", err.Error()}
	}
	buffer := bufio.NewWriterSize(file, 64<<10)
	// No -timeout: a long ledger takes its time.
	done, err = conn.Export(ctx, f.rescue, buffer)
	err = errors.Join(err, buffer.Flush(), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(part, f.out)
	}
	switch {
	case err != nil && f.rescue:
		err = fmt.Errorf("%w\n  what was written so far is in %s; payments may have been handed over: export again with -rescue", err, part)
	case err != nil:
		os.Remove(part)
	}
	return done, err
}

func (a *app) tellExport(done client.Exported, f *exportFlags) error {
	text := fmt.Sprintf("Wrote %s to %s, up to ledger entry %d.\n", count(done.Lines, "line"), f.out, done.HeadSeq)
	if f.rescue {
		text += fmt.Sprintf("Handed over: %s. This reader does not send them any more.\n", count(done.Rescued, "payment"))
	}
	if done.NotYet > 0 {
		text += fmt.Sprintf("Not handed over: %s, being sent at this moment. Export again to get them too.\n", count(done.NotYet, "payment"))
	}
	err := a.say(done, text)
	if done.NotYet > 0 {
		return errors.Join(err, said(exitUnknown))
	}
	return err
}

var verifyCommand = command{
	name: "verify", short: "have the reader check its ledger",
	long: `
Every hash and every signature is checked on the reader itself. To check without
trusting the reader, export the ledger and use "ledger verify FILE".`,
	run: func(a *app, ctx context.Context, _ []string, _ any) error {
		return a.withReader(ctx, opening{look: true}, func(_ context.Context, sess *session) error {
			r, err := sess.VerifyLedger(ctx) // no -timeout: a long ledger takes its time
			if err != nil {
				return err
			}
			text := fmt.Sprintf("The ledger is whole: entries %d to %d, last hash %s.\n", r.FirstSeq, r.HeadSeq, r.HeadHash)
			if !r.OK {
				text = fmt.Sprintf("THE LEDGER IS DAMAGED: %s verified, from %d to %d.\n", count(r.Entries, "entry"), r.FirstSeq, r.HeadSeq)
				for _, p := range r.Problems {
					text += "  " + p + "\n"
				}
			}
			err = a.say(r, text)
			if !r.OK {
				return errors.Join(err, said(exitRefused))
			}
			return err
		})
	},
}
