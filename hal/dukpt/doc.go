// Package dukpt derives a new key for every PIN (derived unique key per
// transaction): AES DUKPT (ANSI X9.24-3-2017) and the older TDES DUKPT (ANSI
// X9.24-1:2009), the device's side of both, and for tests and the sandbox the
// host's side.
//
// # How it works
//
// A host has one base derivation key (BDK) for many devices. Out of it and a
// device's own number it makes the device's initial key, which is loaded into
// the device once. The device makes a tree of keys out of the initial key, one
// branch for each 1 in its transaction counter, and walks through the tree: each
// counter value is a leaf, each leaf one key, used for one transaction. It sends
// the counter along, in the key serial number (KSN), and the host walks down to
// the same leaf.
//
// # What the device keeps
//
// The device keeps the keys of the branches it has not been on yet, and forgets
// each key as it leaves it: out of what it holds, no key can be computed that it
// has used. Who breaks into it learns nothing about earlier PINs. The initial
// key is forgotten when it has been loaded.
//
// A counter value with too many 1s is skipped, which bounds the host's work:
// AES has counters of 32 bits with 16 ones at most (2,448,023,842 keys), TDES
// counters of 21 bits with 10 ones at most (1,048,575 keys). After the last one
// the device has to be given a new initial key.
//
// # No key twice
//
// A state that comes back from before a transaction would make that
// transaction's key again. So whoever keeps the state stores it durably after
// [Device.NextPIN], and before anything made with the key is shown to anybody.
// A power cut in between costs a key that was never used.
//
// # Encodings
//
// All numbers are big endian. The KSN of AES is the eight bytes of the initial
// key id and four bytes of counter; that of TDES is ten bytes, whose last 21
// bits are the counter. TDES key parity bits are ignored and not set.
//
// DES is in this package, and nowhere else in the reader, because acquirers'
// hosts still ask for TDES DUKPT: three passes of it with keys used once. The
// single DES inside is the standard's way to derive keys.
package dukpt
