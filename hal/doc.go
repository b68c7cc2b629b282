// Package hal holds the contracts between the reader and its hardware, and
// nothing else: one small interface per kind of device, and the errors all of
// them share. Drivers live in one folder per chip (hal/pn532, hal/ccid, ...),
// hal/board says what is wired where, hal/sim is a reader made of software.
//
// # Who owns what
//
// A driver borrows its bus or file and never closes it; hal/board opens and
// closes buses. The reader borrows devices from a [Board] and only the one who
// opened the board calls its Close.
//
// # Waiting
//
// Every call that may wait takes a context. When the context ends, the call
// returns soon (within one exchange on the wire, at most a second) with an
// error that matches the context's error with errors.Is. A driver whose chip
// cannot wait interruptibly polls in short steps. No call leaves a goroutine
// behind.
//
// # Coming and going
//
// A nil device in a Board means that the board has none, or that this build
// has no driver for it; Missing says which. A device that is supported but
// unplugged is not nil: its calls return [ErrNotFound] until it is plugged in,
// and then work without anything being opened again. Its text is for people: one
// sentence with the remedy, see [Advise].
//
// # Concurrency
//
// Unless a type says otherwise, one goroutine at a time uses a device, and any
// goroutine may end its context. Board.Close may be called from anywhere; it
// makes calls in flight and later calls return [ErrHalted].
//
// # Secrets
//
// Card data passes through here as [Secret] and [Tracks], which cannot be
// printed, logged or marshalled. PIN digits pass through no call but the keys of
// [Input], and these only to a PIN pad made of software: no interface hands out a
// PIN, see [PINPad].
package hal
