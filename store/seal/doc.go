// Package seal is the paper trail between a reader and the payments platform:
// envelopes only the platform can open, and a signed, hash-chained journal only
// the reader can write. It holds both halves. The reader uses [PublicKey.Seal]
// and [SignEntry]; the platform uses [Open], [VerifyChain] and [Ranges.Gaps].
//
// # Envelope
//
// Card data is sealed with HPKE (RFC 9180, base mode): KEM MLKEM768-X25519, KDF
// HKDF-SHA256, AEAD AES-256-GCM. The record's header, readable by everyone, is
// the additional data, so no byte of it can change without the payload becoming
// unreadable. The reader holds no key that opens an envelope.
//
// # Journal
//
// Every entry names the SHA-256 of the entry before it; the first names
// [Genesis], which is made from the device's public key. The hash covers the
// exact bytes of an entry's header, which in turn holds the hash of the sealed
// payload: the chain still verifies after payloads were deleted. Each header is
// signed by the device key (ECDSA P-256, raw r||s). The old end of a journal can
// be dropped: a later entry, a [Checkpoint], then names where it was cut and the
// hash there.
//
// Nothing in this package keeps state; all functions may be called at the same
// time.
package seal
