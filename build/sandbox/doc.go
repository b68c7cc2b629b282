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
// accepted twice, and what was reversed before it arrived is refused. A stored
// payment that another reader or an operator rescued has its reader's natural
// key and is decided as if the reader itself had sent it; whoever comes later
// gets that verdict, marked Rescued. The operator's path is on the reader face
// too, which has TLS. A detector of its own (Status.Duplicates) looks for what
// all this is there to prevent.
//
// # Decisions
//
// The issuer checks the ARQC over the sealed card data, then approves unless
// the test card's number or the last two digits of the amount ask for a
// decline; see issuer.go. Stored payments are decided when they are forwarded,
// by the same rules.
//
// A tap that was declined with online_or_offline_pin_required may come again with
// an online PIN: the same cryptogram under the next sequence, once, for the same
// payment. What wallet was tapped is shown as far as the card's data objects say so.
//
// # Configuration
//
// offline[enabled] is set as in the public API, on the account's default
// terminal configuration or on one that a Location has. What the public API has
// no field for is in Settings, likewise for the account and for a Location. Cards
// are tapped unless a setting says no: Visa's and Mastercard's with their kernels,
// the others are asked to be inserted.
//
// # Webhooks
//
// What changes a payment intent, a charge or a refund is told in events, written
// in the same line as the change: none is lost, none is invented. A stored
// payment has the events of an online one, when it is forwarded. Endpoints are
// made over the public face, at any http or https URL; each gets its events one
// at a time and in order, except for those that are tried again: after 2 s, 4 s
// and so on up to every 4 h, for three days, whatever the answer was if not 2xx
// within ten seconds (a redirect is a failure, too). They may arrive twice, when
// the sandbox ended before it had written the answer down: the event's id tells.
// While the platform is unreachable nothing is delivered, and no attempt counts.
// Times, those in signatures too, are of the platform's clock, with its offset.
//
// A charge that its reader reverses is a charge.refunded; its intent requires a
// payment method again, of which there is no event. api_version is what the
// endpoint was made with, otherwise null: nothing else depends on it. Request is
// null. Events are kept for 30 days, and no more than 20,000 of them.
//
// # Faults
//
// Faults lists the switches. They and the settings are kept on disk, and thrown
// by methods or over the handler of ControlHandler.
//
// # What it does not do
//
// It moves no money and is not hardened for a network: it belongs on loopback.
// The API key is public knowledge, registration codes are reusable, and anyone
// with a code can take over a reader's serial number, or with the API key have
// it send webhooks anywhere. There are no events but those of payment intents,
// charges and refunds (nor charge.updated, charge.expired, charge.refund.updated),
// no changes of a webhook endpoint but its deletion, no customers, payment
// methods or setup intents by API, no interac_present (an Interac charge is
// card_present), no server-driven reader actions, no certificate renewal, no live mode, no expiry of authorizations,
// no rate limits but the fault, no counting of PIN tries. A refund is not canceled,
// is never pending, and has no balance transaction. Lists have limit and
// starting_after only. There is one account. A journal entry sent with a
// submission or a rescue is checked by itself (signature, payment, envelope,
// state), not as part of its chain, so an export from before a void proves a
// payment that its reader gave up: the reader's reversal undoes the charge.
// It is not affiliated with Stripe and cannot forward to anyone.
package sandbox
