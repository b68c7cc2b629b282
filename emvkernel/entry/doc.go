// Package entry is EMV's Entry Point for contactless cards: it finds out whether a payment can be tapped at
// all, looks for a card, selects the application and the kernel to process it, and does what the kernel's
// outcome asks for (EMV Contactless Books A and B).
//
//	Start A   pre-processing          Book B, 3.1   limits and indicators of each combination
//	Start B   protocol activation     Book B, 3.2   one card in the field
//	Start C   combination selection   Book B, 3.3   directory, candidates, SELECT
//	Start D   kernel activation       Book B, 3.4   the kernel comes to an outcome
//	          outcome processing      Book B, 3.5   again at B or C, or the end
//
// Kernels, antenna, screen, unpredictable numbers and waiting are given from outside: Config has the kernels,
// Environment the rest. Run does a whole payment. Step and Process do a part each, so that a conformance suite
// can begin at each start point and read each parameter of an outcome; Run is nothing but the two in turn.
//
// # A suite of one's own
//
// example_test.go beside this file is a whole suite in small: a kernel, a card, an antenna and a test case of
// two start points. It needs nothing but the packages it imports, so it is a beginning in any module that
// requires this one ("go doc -http" shows it; "go doc" alone prints no examples):
//
//	cp "$(go list -f '{{.Dir}}' smartreader/emvkernel/entry)/example_test.go" suite_test.go
//	go test -run Example -v .
//
// In a folder that has Go files already, make its package that of their tests.
//
// # Outcomes and errors
//
// What card, cardholder or rules decide is a tap.Outcome. An error means that nothing can be said: the context
// ended, the antenna failed (or said by an error that it is not wanted any more), or a kernel or the caller
// broke the contract. A card that leaves the field is none: it is asked for again, as often as it takes, until
// the context ends.
//
// Entry Point itself decides only that a card is not to be tapped. Approved, Declined and OnlineRequest are a
// kernel's words, or they are not said.
//
// # User interface
//
// Environment.UI gets what Book B has Entry Point and kernels request, and besides it "processing" when a card
// was activated, so that lights and screen answer at once. A request without a language gets the one the card
// prefers ('5F2D' of the application). How long a message stays (UIRequest.Hold) is the screen's business.
//
// # Not here
//
// Kernels of three-byte identifiers (domestic and proprietary ones): their applications can be listed with
// tap.Elsewhere(0), which has the card inserted whichever kernel it names. Kernel 1, which cards of kernel 3
// without '9F66' in their PDOL were for: such an application is passed over. The issuer's number and country
// in the directory ('42', '5F55', '5F56') are not looked at: no rule of Book B that is public needs them.
//
// # Concurrency
//
// A Config is read-only once it was validated and may be shared. A Transaction belongs to one goroutine.
//
// The sections cited are those of Books A and B 2.5; a citation the authors could not check against a second
// public source is marked [unverified].
package entry
