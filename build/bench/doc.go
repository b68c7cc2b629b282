// Package bench is what a reader on a desk has around it, whatever the reader
// is made of: software cards that remember, the control API that moves them
// and breaks the network, the client of that API, and the payments platform.
// build/simulator and build/qemu are built of it.
package bench
