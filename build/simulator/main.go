// Command simulator is a card reader for desks and CI: the production reader
// over simulated hardware, with a payments platform in the same process.
//
// Everything but the hardware is real: EMV transactions with software cards
// that answer APDUs, the ledger on disk, TLS on the LAN and to the platform.
package main

import (
	"context"
	"io"
	"os"

	"smartreader/build/bench"
)

const usage = `Usage:
  simulator [flags]                     run a simulated reader and its payments platform
  simulator -sandbox-only [flags]       run the platform alone
  simulator -demo outage [-json]        play a payment through an outage, and check that all of it held

  While it runs, from another terminal (with -control if it is not at the default address):
  simulator card list                   the cards there are, and what each is for
  simulator card insert NAME            put a card in (it stays until removed)
  simulator card remove                 take the card out
  simulator net cut | net restore       cut or restore the internet of reader and shop
  simulator fault lose-next-answer      the platform decides the next payment, and its answer is lost
  simulator screen FILE.png             save what the reader's screen shows
  simulator status                      reader, card, faults and the platform's totals, as JSON

Test cards and test mode only. Nothing here can charge a real card.

Flags:
`

// startCommand is how people start this program.
const startCommand = "go run ./build/simulator"

func main() {
	os.Exit(bench.Main("simulator", func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdout, os.Stderr) }))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	rest, err := bench.Parse("simulator", usage, o.register, args, stderr)
	if err != nil {
		return err
	}
	switch {
	case o.demo != "" && len(rest) > 0:
		return bench.Usagef("-demo takes no further argument, got %q", rest[0])
	case o.demo == "outage":
		return demoOutage(ctx, o, stdout, stderr)
	case o.demo != "":
		return bench.Usagef("there is no demo %q; there is: outage", o.demo)
	case len(rest) > 0:
		return bench.ClientAt(o.control, startCommand).Run(ctx, rest, stdout)
	}
	return serve(ctx, o, stdout, stderr)
}
