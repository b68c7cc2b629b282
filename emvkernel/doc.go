// Package emvkernel runs one EMV contact transaction between a terminal and a chip card.
//
// A Transaction goes through the steps of EMV Book 3, "Functions Used in Transaction Processing",
// in their order:
//
//	BuildCandidates, SelectApplication   Book 1, 12   which application of the card is used
//	InitiateApplication                  Book 3, 10.1 GET PROCESSING OPTIONS
//	ReadData                             Book 3, 10.2 the records the card lists
//	AuthenticateData                     Book 3, 10.3 is the card genuine (SDA, DDA, CDA; package oda)
//	CheckRestrictions                    Book 3, 10.4 version, usage, dates
//	VerifyCardholder                     Book 3, 10.5 no CVM, signature, offline PIN
//	ManageRisk                           Book 3, 10.6 floor limit, random selection, velocity
//	AnalyzeTerminalAction                Book 3, 10.7 what to ask the card for
//	FirstGenerateAC                      Book 3, 10.8 what the card decides
//	Complete                             Book 3, 10.9 to 10.11: issuer's answer, scripts, second GENERATE AC
//
// Collect runs all but the last. When it ends in OnlineRequest the card still waits for its second
// GENERATE AC: the caller owes it a Complete, with the issuer's answer or with the news that there
// will be none, before the card may leave the reader.
//
// # Outcomes and errors
//
// What the card, the cardholder, the issuer or the rules decide is an Outcome, never an error; so is a card that
// breaks a rule (Terminated). An error means that nothing can be said about the payment: the
// transport failed (errors.Is finds what the Transceiver returned), the context ended, the cardholder
// dialogue failed, or the caller called steps out of order. A malformed or lying card can reach
// neither Approved nor OnlineRequest by being malformed.
//
// # PIN
//
// The kernel never sees a PIN. A PINPad, given with the payment's Params, asks for it and has the card
// check it; the kernel finds the key, counts the tries and judges the card's status word. Without a pad
// the terminal has no offline PIN, whatever its configuration says.
//
// No signature covers the answer to VERIFY, not even with DDA or CDA: a device between terminal and card
// can answer that any PIN is right. Only the issuer notices, because the card tells it in '9F10' what it
// was asked, in a layout of the issuer's own. The same device can clear the AIP's bit for cardholder
// verification, where the card's '9F4A' leaves the AIP unsigned, and no PIN is asked for at all. A deferred
// payment carries these risks until it is forwarded.
//
// Online PIN is not supported, neither online nor offline: there are no PIN blocks for an issuer yet. A
// card that takes other methods uses those. One whose list leaves nothing else cannot be used in either
// mode, and OnlinePINRequired tells the caller to refuse it as such rather than as declined.
//
// # Not here
//
// Online PIN, PIN bypass, the revocation list of issuer certificates, the log of earlier payments that the floor
// limit check may use, elliptic curve certificates, and approval offline after going online failed
// (authorization response code Y3): a payment the host did not answer is completed with an AAC and
// left to the caller's policy.
//
// # Concurrency
//
// A Config is read-only once transactions use it and may be shared. A Transaction belongs to one
// goroutine.
//
// The sections cited are those of EMV 4.3 and 4.4; a citation the authors could not check against a
// second public source is marked [unverified].
package emvkernel
