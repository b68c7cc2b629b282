// Package sim is a reader made of software, for desks and CI: a slot whose
// cards are put in and taken out by calls, a screen in memory, recorded lights
// and tones, a tamper switch and a watchdog that counts.
//
// It imports no software card: whatever implements [Chip] can be put in. It
// starts no goroutines; everything runs on its callers'.
package sim
