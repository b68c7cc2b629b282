// Package client is the Go side of a POS: it connects to a reader, calls its
// methods and receives its events.
//
// # Trust
//
// Over wss the reader's certificate chain is verified against RootCAs and the
// reader is recognized by the reader id in the certificate (URI
// "smartreader:reader:<id>"), not by host name or address: those change in a
// shop. An expired reader certificate still connects, with a warning
// (Conn.Warnings), so that an outage of the platform does not end in a shop
// that cannot sell. ws is for loopback only.
//
// # Outcomes
//
// A call ends in one of three ways: a result; a *wire.Error, which says what
// happened and whether to retry; or an error wrapping ErrLost, which means that
// the outcome is unknown. After ErrLost reconnect and repeat the call with the
// same RequestID: the reader answers with the first outcome.
//
// # Tokens and sessions
//
// With Options.ConnectionToken the reader can ask this POS for connection tokens
// while it is connected, and so renew its credential (Conn.Credential, and the
// event credentialRenewed) and its session. Without it a session ends at
// ConnectReaderResult.SessionExpiresAtMs: new payments get SESSION_EXPIRED, and
// the event connectionLost says sessionExpired. Then Connect again, on the same
// Conn if it still stands.
//
// # Events
//
// Events go to Options.OnEvent one at a time, in order. Durable events carry a
// Seq and come again after a reconnect until they are acknowledged: by
// AutoAcknowledge after OnEvent returned nil, or by AcknowledgeEvents. The
// reader sends at most wire.MaxUnacknowledged ahead. Follow keeps a connection
// up across losses and resumes where it was.
package client
