// Package softpad is a PIN pad made of software: it asks for a PIN on keys it is
// given, and makes of it what a card or an issuer can check. It is for the
// simulated reader and for development boards.
//
// It is not a secure PIN pad, and no certification (PCI PTS) can be had with it:
// a keypad on a general-purpose processor can be listened to, and so can its
// memory, by whoever runs code beside the reader or opens the case. Real
// cardholders' PINs need a PIN pad with its own keys, screen and firmware.
//
// What it does do: digits live in one place of a [Pad], for as long as a call
// runs, and are overwritten on every way out of it; nothing that is shown, logged
// or returned holds them. What the cryptography of the standard library keeps for
// itself (a cipher's key, numbers on their way through RSA) cannot be overwritten;
// it is left to the garbage collector.
//
// # Keys for online PINs
//
// A key is DUKPT's (package dukpt), one of its own for every PIN, and is kept in
// the board's key store, which must be a hal.SecretKeeper. [Load] puts an initial
// key there. AES DUKPT makes blocks of format 4, TDES DUKPT of formats 0 and 3.
//
// For each block the pad stores the state after it, durably, and only then hands
// the block out. When the power fails before, the block was never seen; after,
// the key is gone: no key makes two blocks. A copy of the key store that is put
// back would break this, so leave it out of backups.
//
// # Keys to press
//
// A [Keypad] takes the keys of the board's hal.Input, and tells a screen how many
// digits there are, never which. An Input has one reader at a time: while a call
// of the pad runs, nobody else may be in Input.Next. Who watches it for the cancel
// key must have ended that call, and seen it return, before the pad is asked, and
// begins again when the pad has answered; the pad tells of the cancel key itself
// (hal.PINCancelled). Nor may another program listen to the keys: on Linux a
// keyboard types into the console too, unless it is taken away from it.
//
// Enter ends an entry that has digits enough, and bypasses the PIN where there are
// none and the prompt allows it; Clear takes all digits back; Cancel ends the entry;
// other keys, and digits beyond the most there may be, do nothing. Each key may take
// [Timeout].
package softpad
