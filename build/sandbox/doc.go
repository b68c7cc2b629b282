// Package sandbox is a development payments platform: the public face that a
// shop's backend talks to (Stripe-shaped), the reader face that readers talk
// to (package firmware/platform), a small issuer for the test cards of
// emvkernel/emvtest, and switches that make it fail on purpose.
//
// # State
//
// Everything lies in Options.Dir: ca.pem and key files, all made at the first
// start, and state.jsonl, to which every change is appended and synced before
// it is answered. A line cut off at the end of the file was never answered and
// is dropped; any other damage is an error naming file and line. One process
// at a time holds the folder.
//
// # One payment, one charge
//
// A natural key (reader, sequence, ATC, cryptogram) gets one verdict for ever,
// on authorize and offline_payments alike. A payment with a live charge is
// never charged again under another natural key, a cryptogram is never
// accepted twice, and what was reversed before it arrived is refused.
//
// # Decisions
//
// The issuer checks the ARQC over the sealed card data, then approves unless
// the test card's number or the last two digits of the amount ask for a
// decline; see decide.go.
//
// # What it does not do
//
// It moves no money and is not hardened for a network: it belongs on loopback.
// The API key is public knowledge, registration codes are reusable, and anyone
// with a code can take over a reader's serial number. There are no webhooks, events,
// customers, payment methods, setup intents or refunds by API, no
// server-driven reader actions, no certificate renewal, no live mode, no
// expiry of authorizations, no rate limits, no PIN verification. Lists have
// limit and starting_after only. A journal entry sent with a submission is
// checked by itself (signature, payment, envelope), not as part of its chain.
// It is not affiliated with Stripe and cannot forward to anyone.
package sandbox
