// Package apdu encodes and decodes the command and response messages of ISO/IEC 7816-4 in the short
// form EMV uses, builds the commands of an EMV transaction, and names the status words.
//
// Sources: EMV Book 1, "Application Layer" (commands and responses) and Book 3, "Commands for
// Financial Transaction" (part II, section 6).
//
// Everything here is a pure function on bytes; all of it is safe for concurrent use.
package apdu
