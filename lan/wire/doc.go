// Package wire holds the messages of the LAN protocol "smartreader.v1" that a
// POS and a reader speak: method names, parameters, results, events, error
// codes, limits, and the challenge a POS signs when it connects.
//
// It is plain data with JSON names, no sockets and no state, and it is the one
// source for both halves (lan, lan/client) and for generated schemas.
//
// # Conventions
//
// Names follow the Terminal SDKs (React Native / JavaScript spelling), so that
// a POS developer knows them already. Amounts are int64 minor units with a
// lower-case ISO 4217 code. Times are Unix milliseconds and end in AtMs. Bytes
// are standard base64 with padding. Unknown members are ignored; a member of
// the wrong JSON type is an error that names the member.
//
// # Backwards compatibility
//
// Within "smartreader.v1" members are only added, never renamed, removed or
// given another meaning. A change that would need that gets a new subprotocol.
package wire
