//go:build linux

// Package board says what is wired where: one function per board, an explicit
// switch on the name, no registry. It is the only package that starts periph's
// host drivers and opens buses; drivers borrow them.
//
// Boards:
//
//	pi       a Raspberry Pi Zero 2 W, 3, 4 or CM4, wired as docs/hardware.md shows
//	desk     a Linux PC or a small computer with whatever is plugged into it
//	virt     QEMU's machine of that name, as build/qemu starts it
//	raspi3b  another one
//	none     no devices at all: the payment and network parts can be tried alone
//
// A device that is not there, or that this build has no driver for, does not
// stop a board from opening. It is nil, and the board's list of missing devices
// says what was looked for, what was found, and what to do about it.
package board
