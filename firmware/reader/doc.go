// Package reader is the hub: it wires a board, the payment machine, the store,
// the platform client, the LAN server and the display into one card reader.
// No part knows another; what one has to tell another passes through here,
// converted from one part's types to the other's.
//
// The production binary, the simulator and hardware makers' own binaries all
// call [Run] with a board of their own.
package reader
