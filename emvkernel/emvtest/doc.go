// Package emvtest is the other side of EMV: software cards that answer APDUs, the test PKI they are
// signed with, and the issuer that checks their cryptograms. It shares no code with the kernel but
// the TLV and APDU codecs, so kernel and card check each other.
//
// # TEST KEYS: PUBLIC, NEVER IN PRODUCTION
//
// Every private key of this package is derived from a seed that is printed in its source. Anybody
// can make a card, a certificate or a cryptogram that these keys accept. A terminal that trusts
// [CAKeys] outside a test trusts everybody. The release build of the firmware must not link this
// package.
//
// # Cards
//
// A card is a profile, a readable text file in profiles/ or one of your own (see [ParseProfile] for
// the format), and a [State], which is what a real chip keeps in its EEPROM. [NewCard] makes a [Card]
// of the two; it has the methods a simulated slot needs (ATR, Exchange, Reset) and is a transceiver
// for the kernel directly.
//
// Each profile says what EMV has a terminal make of its card ([Profile.Expectation]): the outcome, TVR, TSI
// and CVM results of the first GENERATE AC, and what follows when the issuer answers, when the payment is
// deferred and when the issuer cannot be reached. The tests of this package hold the kernel to all of it.
// The families, by the beginnings of their names:
//
//	visa, mastercard, amex, ...   good cards of each payment system; the simulated cards of Stripe
//	declined-, issuer-            what the issuer answers, and whether the card believes it
//	sda, dda-, cda-, static-      methods and signatures of offline data authentication
//	issuer-cert-, card-cert-      each field of the two certificates wrong
//	cvm-, plain-pin, enciphered-pin, pin-, offline-pin-, online-pin-   verification of the cardholder
//	force-online, velocity-, new-card, unable-, offline-               risk management and approvals offline
//	expired, not-yet-valid, usage-, domestic-, other-version, atm-, vending-   processing restrictions
//	no-, repeated-, malformed-, record-, afl-                          data that is missing or malformed
//	pse-, select-, gpo-, ...-fails   commands that end with a status word
//	pulled-at-, slow                 cards that leave or take their time
//	script-, tdol, pdol-             commands of the issuer, data object lists
//	two-applications, priority, confirm, directory-, first-blocked, ...-name   selection
//	approved-, partial-approval, refuses-approval, arqc-twice          the issuer's answer and the card's
//	blocked, application-blocked, broken-                              what else goes wrong
//	tap-visa-, tap-mastercard-, tap-...                                taps, see below
//
// Every simulated card of Stripe Terminal is among them, with its number: see [ByNumber] and
// [ByPaymentMethod]. The PIN of all cards is 1234, for those whose list of verification methods has one,
// unless their profile says otherwise. online_pin_cvm demands an online PIN and pays only at a terminal
// that takes one.
//
// # Taps
//
// [Card.Contactless] is the same chip's other face, a [TapCard]: same counters, same keys, its own directory
// (2PAY.SYS.DDF01), data object lists, records and certificate. Visa and Mastercard cards can be tapped
// unless their profile says "contactless no"; cards of other payment systems are in the directory and no
// more, so that a reader without a kernel for them has them inserted; Interac's cannot be tapped at all. A
// TapCard answers the commands of kernels 2 and 3: SELECT, GET PROCESSING OPTIONS (Visa's with cryptogram
// and fDDA signature), READ RECORD, EXCHANGE RELAY RESISTANCE DATA, GENERATE AC with CDA, RECOVER AC, COMPUTE
// CRYPTOGRAPHIC CHECKSUM of magnetic stripe mode, EXTERNAL AUTHENTICATE of issuer update, GET DATA and PUT
// DATA. It is a card of Stripe's physical kind in that amounts ending with .02 and .03 want a PIN of who taps.
//
// What is to come of a tap a profile says with expect-tap ([Profile.TapExpectation]), and the tests of this
// package hold Entry Point and the kernels with the terminal of [Contactless] to it. The families after
// tap-visa- and tap-mastercard-:
//
//	online, offline, declines                what the card decides
//	cvm-, phone, watch, ...-limit            verification of the cardholder, the terminal's limits
//	switch, issuer-wants-                    step-up: insert the card, or enter a PIN
//	torn-, leaves-                           cards that leave, once or always, at each command
//	relay-                                   relay resistance, near, far and lying
//	fdda-, cda-, ctq-                        each field of the signatures
//	ppse-, other-kernel, domestic-kernel     the directory
//	...-fails, malformed-, repeated-, no-, afl-, extra-bytes   as by contact
//
// Cards are replayable: "random" numbers come from the seed and the draw counter in State.
//
// # Issuer
//
// [Issuer] derives the same keys as the cards, recomputes a cryptogram over the terminal's data and
// so notices any altered amount, date, unpredictable number, TVR or counter. It decides by card
// number and amount like the well-known simulated cards do. A terminal that claims an offline PIN, or a
// verification on the consumer's device, of which the card knows nothing is declined.
//
// # Sources
//
// EMV Book 1 "Application Selection"; Book 2 "Offline Data Authentication", "Application Cryptogram
// and Issuer Authentication", Annex A1 (key derivation), Annex A2 (RSA); Book 3 "Commands for
// Financial Transaction"; EMV Contactless Books B (directory), C-2 and C-3 (what kernels ask of cards), as
// far as public sources have them: a citation of theirs is from those. The issuer application data ('9F10')
// is this issuer's own layout, documented at its code.
package emvtest
