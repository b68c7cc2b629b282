// Package sim is a reader made of software, for desks and CI: a slot and an
// antenna whose cards are moved by calls, a stripe head and keys that are
// swiped and pressed by calls, a PIN pad whose cardholder knows the PIN, a
// screen in memory, recorded lights and tones, a tamper switch and a watchdog
// that counts.
//
// It imports no software card: whatever implements [Chip] can be put in. It
// starts no goroutines; everything runs on its callers'.
package sim
