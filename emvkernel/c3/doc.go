// Package c3 is the Visa contactless kernel, "qVSDC" (EMV Contactless Book C-3), as a [tap.Kernel].
//
// A tap is one command, most often: the card is told all there is to know of the payment by GET PROCESSING
// OPTIONS and answers with its decision and cryptogram. Where it wants to be authenticated it names the
// records to read, and that is all it is asked. [Kernel.Activate] is a straight line in the order of the
// book: initiate the application (options.go), read it (read.go), then, with the card gone, processing
// restrictions, offline data authentication, cardholder verification, decision.
//
// What the reader wants is said by the terminal transaction qualifiers, '9F66' ([DefaultTTQ]); what the card
// and its issuer want by the card transaction qualifiers, '9F6C', which not every card has.
//
// # What a card proves
//
// The fast signature (fDDA) covers the reader's unpredictable number, the amount, the currency and '9F69',
// which has a copy of the card transaction qualifiers. It covers neither the kind of the cryptogram nor
// the cryptogram: whoever stands between card and reader can make a genuine card's ARQC or AAC look like a
// TC. An approval without the issuer is therefore as good as the reader's limits for it, and a reader that wants
// none sets "online cryptogram required" for every payment (a floor limit of zero does).
//
// Whoever stands there can write the card transaction qualifiers too, and so take the PIN away from a stolen
// card. Where there is a good signature that shows: a consumer device's verification counts as far as the signed
// copy has it, and the signed wish for a PIN cannot be taken away. Where there is to be one, and none or a wrong
// one arrives, the claim of a verification counts for nothing. What remains is the card that is not able to sign,
// or is told, by qualifiers of the reader that were changed on their way, that it need not: there the issuer alone
// can tell.
//
// # Outside
//
// Magnetic stripe mode (MSD) and the older contactless VSDC, which are retired, static authentication (a
// copied card passes it too), integrated data storage, and the rules of cash machines.
//
// The authors had no text of the book. What is cited by a section stands so in two public implementations
// at least, told in words of our own, or is marked [unverified].
package c3
