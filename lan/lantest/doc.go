// Package lantest is a reader without firmware: it behaves as the protocol says,
// keeps everything in memory and takes no cards. It serves tests of the server,
// of clients and of POS software. Never use it in a product.
package lantest
