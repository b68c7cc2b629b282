// Package lan is the reader's server for the POS: WebSocket over TLS 1.3 (plain
// only on loopback), JSON-RPC 2.0 both ways, protocol "smartreader.v1".
//
// It knows sockets, sessions, the lease and the pumping of events. What a
// payment is it does not know: it decodes and checks a message, asks the Reader
// it serves, and sends the answer.
//
// # Sessions
//
// A POS says hello within 5 s, gets a nonce, and proves with connectReader that
// it holds its key; the Reader then decides by token or credential whether it
// may in. Before that nothing else can be called. One POS at a time holds the
// lease and may run payments; others that are authenticated may look and get
// the events. The lease belongs to the POS, not to its socket: it is kept for
// 60 s after the last socket closes, and for as long as one of its calls still
// runs.
//
// A session may have an end, which the Reader's answer to connectReader says and
// RenewSession moves. After it, what would begin a payment or ask the cardholder
// something is refused with SESSION_EXPIRED; the POS then loses the lease and is
// told so, once. What runs is never cut, and what was begun can be confirmed and
// canceled until another POS takes the reader.
//
// # Asking a POS
//
// There is one request that goes the other way: FetchConnectionToken asks the
// lease holder for a connection token of its backend. A POS may answer late,
// wrong or never; nobody but the caller waits for it.
//
// # A lost socket cancels nothing
//
// Calls that change money or state run under the server's context, not the
// connection's: when the socket dies the payment goes on to its end, and the
// POS learns it by repeating the requestId after it reconnects. Calls that only
// look end with their connection.
//
// # Slow and hostile peers
//
// Messages, queues, rates and connections are bounded and every write has a
// deadline: a POS that does not read is disconnected, never waited for. Durable
// events are not lost by that; they come again after the reconnect.
package lan
