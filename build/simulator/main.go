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

  While it runs, from another terminal (with -control ADDRESS if it is not at the default one):
  simulator card list [all]             the cards there are, their numbers, and what each is for
  simulator card insert NAME            put a card in (it stays until removed); a test card number does, too
  simulator card remove                 take the card out
  simulator card tap NAME [NAME]        tap a card or phone, or two cards at once: when the reader asks, until it is read
  simulator card hold NAME [NAME] [TIME] lay a card on the antenna and leave it there until it is taken;
                                        it takes TIME (2s) longer for each command
  simulator card take                   take away what is tapped, was to be, or lies there, at any moment
  simulator card reset NAME             give it all of its PIN tries back, lock the phone again (while it is out)
  simulator pin wrong|bypass|cancel|timeout|DIGITS
                                        what the cardholder does at the next PIN entry
  simulator net cut | net restore       cut or restore the internet of reader and shop
  simulator screen FILE.png             save what the reader's screen shows
  simulator status                      reader, card, lights and tones, faults and the platform's totals, as JSON

  How the reader behaves; what is not named stays as it is, and all of it is printed:
  simulator simulate
    -card NAME|NUMBER|none              present this card by itself at every payment
    -tip AMOUNT                         the cardholder adds a tip, in minor units
    -offline-enabled=false              as if the Location did not allow offline payments
    -update KIND                        available, none, required, requiredForOffline, lowBattery,
                                        lowBatterySucceedConnect, random
    -inputs succeeded|timeout           how forms end
    -skip none|all                      the cardholder skips what may be skipped
    -offline-mode MODE                  the reader's internet: disabled (it works), offlineImmediate,
                                        offlineTimeout, offlineIntermittent
    -sdk-mode MODE                      the same for the POS's side

  What goes wrong at the platform:
  simulator fault latency MIN MAX       answers take that long (200ms, 2s)
  simulator fault http STATUS [TIMES]   answers with this status; without TIMES until it is cleared
  simulator fault rate-limit SECONDS [TIMES]
                                        answers "too many requests", try again after so many seconds
  simulator fault reset [TIMES]         connections break in the middle of an answer
  simulator fault lose-next-answer [TIMES]
                                        payments are decided, and the answers are lost
  simulator fault wrong-certificate on|off
                                        the platform's certificate is of another authority
  simulator fault captive-portal on|off [html|redirect|plain]
                                        a page, a redirect, or plain HTTP instead of the platform
  simulator fault forget-keys           old idempotency keys expire now
  simulator fault clock OFFSET          the platform's clock is wrong by that much (-24h)
  simulator fault clear                 all of that is over

  A script (-script FILE) does the same without another terminal. Each line is a time since the
  reader is ready, and one of the commands above; the simulator ends if one fails:
    5s     net cut
    20s    fault lose-next-answer
    20.5s  net restore                  # and forwarding begins

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
