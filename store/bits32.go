//go:build 386 || arm || mips || mipsle

package store

// Badger destroys data where int has 32 bits (its table builder overwrites its
// own first buffer), so the build stops here.
const _ = theStoreNeedsA64BitPlatform
