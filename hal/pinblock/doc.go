// Package pinblock makes the blocks that a PIN travels in, and takes them apart
// again for hosts and tests: the formats 0, 2, 3 and 4 of ISO 9564-1.
//
//   - Format 0, eight bytes: PIN and account number, for TDES.
//   - Format 2, eight bytes: the PIN alone, for a card's VERIFY command only.
//   - Format 3, eight bytes: as 0, filled up at random, for TDES.
//   - Format 4, sixteen bytes, exists only enciphered: two passes of AES, the
//     account number added between them.
//
// A PIN is 4 to 12 ASCII digits. An account number (PAN) is 8 to 19 ASCII
// digits with its check digit.
//
// Whoever makes a block gives the PIN away: every encoder overwrites the digits
// it was given, also when it fails, and what it needed on the way. The clear
// blocks of the formats 0, 2 and 3 are the caller's to wipe. No error says a
// digit or how many there were.
package pinblock
