// Package platform is the reader's side of the reader face of a payments
// platform: the messages of /v1/terminal/device/..., the signed documents the
// platform hands out, an HTTPS client, and the evidence whether the platform
// can be reached.
//
// # Certainty
//
// After every failed call a caller can tell what the platform may have done:
//
//   - nil: the platform answered as documented. A decline is a [Verdict], not an error.
//   - [*Error]: the platform answered and refused the request.
//   - [*Unreachable]: no usable answer. Sent is false only when it is certain
//     that no byte of the request left the reader; otherwise the request may
//     have been processed, and the caller looks it up by its natural key.
//
// To keep that promise the client opens a fresh TLS connection for every
// request and speaks HTTP/1.1 only: a pooled or multiplexed connection lets
// net/http repeat a request by itself and hides whether bytes were written.
// It follows no redirect and uses no proxy, whatever the environment says.
//
// # What it does not do
//
// It never retries, stores nothing and decides nothing about payments: retry
// belongs to store/forward, the meaning of a verdict to firmware/payment.
package platform
