// Package c2 is kernel 2, for Mastercard and Maestro cards (EMV Contactless Book C-2), as a tap.Kernel.
//
// A transaction is one straight line (process.go), a step to a file:
//
//	FCI                what the application says of itself, and what it wants to know
//	options            GET PROCESSING OPTIONS: AIP and AFL; EMV mode or magnetic stripe mode
//	relay resistance   EXCHANGE RELAY RESISTANCE DATA, where the hardware measures
//	records            READ RECORD, each once; what must be there
//	data exchange      GET DATA and PUT DATA, where the terminal application asks for it
//	limit              too much for a tap?
//	authentication     is CDA possible? The keys are recovered when the card has answered
//	restrictions, CVM, floor limit, action analysis
//	cryptogram         GENERATE AC, or RECOVER AC after a torn transaction
//	signature          CDA, while the card may leave
//	outcome            with the phone's wishes ("see phone")
//
// A step that ends the transaction returns an ending, which carries the outcome.
//
// Where this kernel is stricter than the book, the code says so: a card is not asked to approve by itself
// unless it will be authenticated and the payment is a plain purchase; a card over the CVM limit that promises a
// signature nobody can check is to be inserted; and a torn transaction is recovered for the same payment only,
// by a card that looks the same. Left out: integrated data storage, balance reading, and whatever of data
// exchange needs a dialogue in the middle of reading records.
//
// The authors did not have the book's text. Sections are cited by topic, from public sources; what only one
// of them says is marked [unverified].
package c2
