// Package ccidtest is a USB chip card reader made of software, below the
// driver: it speaks the messages of the CCID class over bulk, interrupt and
// control transfers, and T=0 or T=1 to a software card. It works at TPDU or
// APDU level, with any set of features, and fails on demand.
//
// It is written from the specifications and shares no protocol code with the
// driver, so that both do not make the same mistake.
package ccidtest
