// Package iso7816 is the protocol between a terminal and a contact chip card,
// above the bytes and below the commands: the answer to reset (ATR), protocol
// and parameter selection (PPS), and the transmission protocols T=0 and T=1.
//
// It is pure: it opens nothing, waits for nothing and starts nothing. What
// carries a unit to the card and back is a [Transport]; a reader's driver is
// one. A reader that handles the characters itself (every USB CCID reader of
// "TPDU" level does) is what this package is for: procedure bytes ACK and NULL,
// parity and guard times are the reader's work.
//
// Where ISO leaves a choice, the package does what EMV demands of a terminal:
// three attempts and then the end of the card session, no S(ABORT), no
// S(RESYNCH). A command whose answer was lost may have been carried out, and a
// cryptogram must not be asked for twice behind the kernel's back; so the only
// way on is a new activation, which the caller decides.
//
// # Specifications
//
//   - ISO/IEC 7816-3:2006, "Cards with contacts: electrical interface and
//     transmission protocols": "Answer-to-reset", "Protocol and parameters
//     selection", "Protocol T=0", "Protocol T=1"
//   - ISO/IEC 7816-4, "Structure of APDUs"
//   - EMV Book 1 (today "EMV Contact Interface Specification"),
//     https://www.emvco.com/specifications/: "Answer to Reset", "Transmission
//     Protocols"
//
// Nothing here logs, and no error text contains bytes of a command or an
// answer.
package iso7816
