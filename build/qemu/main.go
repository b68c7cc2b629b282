// Command qemu is a card reader on an emulated computer: the image that a
// device gets, with its kernel, its init and its drivers, on a machine whose
// USB chip card reader, PN532, keypad, screen and watchdog are QEMU's and ours.
//
// The payments platform, the cards and the hands are on this side, as in
// build/simulator, and are moved by the same commands.
package main

import (
	"context"
	"io"
	"os"

	"smartreader/build/bench"
)

const usage = `Usage:
  qemu [flags]                     run a reader in QEMU, with its payments platform
  qemu -smoke                      play a payment through an outage, cut power, pull plugs, and check it
  qemu -conformance                check the machine's devices with hal/conformance
  qemu -measure                    measure boot time, memory, idle load, the parts of a payment

  While it runs, from another terminal (with -control if it is not at the default address):
  qemu card list                   the cards there are, and what each is for
  qemu card insert NAME            put a card in (it stays until removed)
  qemu card remove                 take the card out
  qemu card reset NAME             give it all of its PIN tries back, lock the phone again (while it is out)
  qemu card tap NAME [NAME]        tap a card or phone, or two cards at once: when the reader asks, until it is read
  qemu card hold NAME [NAME] [TIME] lay a card on the antenna and leave it there until it is taken;
                                   it takes TIME (2s) longer for each command
  qemu card take                   take away what is tapped, was to be, or lies there, at any moment
  qemu key NAME                    press a key: 0 to 9, enter, cancel, clear
  qemu ccid unplug | plug          the USB chip card reader
  qemu pn532 unplug | plug         the serial adapter with the contactless reader
  qemu power cut | off | on        kill -9 the machine; press its power button; switch it on, until it is ready
  qemu net cut | net restore       cut or restore the internet of reader and shop
  qemu fault lose-next-answer      the platform decides the next payment, and its answer is lost
  qemu screen FILE.png             save what the reader's screen shows
  qemu status                      reader, card, faults and the platform's totals, as JSON

Test cards and test mode only. Nothing here can charge a real card.
It needs QEMU: on Debian, apt-get install qemu-system-arm qemu-efi-aarch64
(and device-tree-compiler for -lane raspi3b).

Flags:
`

// startCommand is how people start this program.
const startCommand = "go run ./build/qemu"

func main() {
	os.Exit(bench.Main("qemu", func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdout, os.Stderr) }))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	rest, err := bench.Parse("qemu", usage, o.register, args, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return remote(ctx, bench.ClientAt(o.control, startCommand), rest, stdout)
	}
	if err := o.check(); err != nil {
		return err
	}
	switch {
	case o.smoke:
		return smoke(ctx, o, stdout, stderr)
	case o.conformance:
		return conformance(ctx, o, stdout, stderr)
	case o.measure:
		return measure(ctx, o, stdout, stderr)
	}
	return serve(ctx, o, stdout, stderr)
}
