// Package tap is what Entry Point and the contactless kernels have between them, and what the kernels share.
//
// Between them (EMV Contactless Book A): a [Kernel] is given an [Activation] and answers with an [Outcome]:
// what came of the tap, with all parameters Entry Point needs to go on, and the [UIRequest] that goes with
// it. Entry Point (package entry) knows no kernel and a kernel knows no Entry Point, so that a kernel is
// added as a package of its own; the example of this package has a small one, and Entry Point runs it.
//
// Shared: [Link] sends commands and counts what goes over the air, [Objects] keeps data objects and who may
// write them, [Objects.ReadRecords] reads the card's files, and a [Reading] is what a kernel learned of a
// card, in the form the contact kernel has it in.
//
// # Outcomes and errors
//
// As in package emvkernel: what the card, the rules or the cardholder decide is an Outcome. An error means
// that nothing can be said: the context ended or the caller made a mistake. A card that leaves the field is
// an Outcome too, because with a tap that is the order of the day: the kernel says TryAgain, or what its
// book says.
//
// # Concurrency
//
// An Activation and what is made of it belong to one goroutine. A Combination and its Kernel are shared by
// all transactions of a reader, one at a time; a Kernel with a memory (torn transactions) guards it.
//
// The books cited are EMV Contactless Books A (architecture), B (Entry Point), C-2 and C-3 (kernels), in
// words of our own; a citation the authors could not check against a second public source is marked
// [unverified].
package tap
