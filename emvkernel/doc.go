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
//	VerifyCardholder                     Book 3, 10.5 no CVM, signature, offline and online PIN
//	ManageRisk                           Book 3, 10.6 exception file, floor limit, random selection, velocity
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
// # Without the issuer
//
// There are two ways, and they are kept apart. In a deferred payment the card asked for the issuer and the
// issuer is asked later: Complete with Deferred ends the card's transaction at once, and ACData, the data
// of the first GENERATE AC as it was sent, is what is stored. The merchant bears the risk; the kernel has
// declined as far as it is concerned.
//
// Approval offline is the card's own (TC): below the floor limit at the first GENERATE AC (response code
// Y1), or at the second when nothing speaks against it and the issuer cannot be reached (UnableToGoOnline,
// Y3). It goes to clearing with ClearingData. No TC is ever asked for without the issuer's approval unless
// Application.OfflineApproval is set, and then only for a plain purchase, where DDA succeeded or CDA will
// have to, the account is not on the exception file, no PIN waits for the issuer, and the merchant did not
// want the payment online.
//
// Under DDA the card proves that it is genuine, but nobody signs its approval: a device between terminal and
// card can answer GENERATE AC in its place, and only clearing notices. It can also turn CDA into DDA, where
// the card's '9F4A' leaves the AIP unsigned. The floor limit is what such an approval can cost.
//
// # PIN
//
// The kernel never sees a PIN. A PINPad, given with the payment's Params, asks for it and gives an offline PIN
// to the card; the kernel finds the key, counts the tries and judges the card's status word. An online PIN
// stays in the pad, encrypted, for the authorization; the kernel only learns that there is one
// (OnlinePINEntered). Without a pad the terminal has no PIN, and with Params.NoOnlinePIN no online PIN,
// whatever its configuration says. A card whose list then leaves nothing else is told from one whose
// cardholder failed by OnlinePINRequired: it is refused as such rather than as declined.
//
// No signature covers the answer to VERIFY, not even with DDA or CDA: a device between terminal and card
// can answer that any PIN is right. Only the issuer notices, because the card tells it in '9F10' what it
// was asked, in a layout of the issuer's own. The same device can clear the AIP's bit for cardholder
// verification, where the card's '9F4A' leaves the AIP unsigned, and no PIN is asked for at all. A deferred
// payment carries these risks until it is forwarded.
//
// # Configuration
//
// A Config says what the terminal is, which applications it accepts and by which rules, and the payment
// systems' keys; Validate names the entry that cannot be used. Schemes has ready-made profiles of the
// payment systems' public identifiers.
//
// # Not here
//
// What EMV 4.4 has on elliptic curves and biometric cardholder verification: there is no public text to
// build it from faithfully. Advice messages (AdviceRequested tells that the card wants one), the log of
// earlier payments and the exception file (Params.SaleLog and Params.ExceptionFile ask the caller's), and
// what comes of calling an issuer that asks for it (Outcome.Referral).
//
// # Concurrency
//
// A Config is read-only once transactions use it and may be shared. A Transaction belongs to one
// goroutine.
//
// The sections cited are those of EMV 4.3 and 4.4; a citation the authors could not check against a
// second public source is marked [unverified].
package emvkernel
