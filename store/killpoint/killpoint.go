// Package killpoint marks the places where a power cut would hurt most, so
// that a test can stop the real program exactly there.
//
// In a normal build [Hit] is empty and costs nothing. Built with
// -tags killpoints, the environment variable SMARTREADER_KILLPOINT="name" or
// "name:n" makes the n-th hit of that name stop the whole process with SIGSTOP;
// the watching parent then kills it with SIGKILL, and nothing that the process
// had not yet made durable was helped along by an orderly end.
package killpoint

import "slices"

// names lists every point, in the order a payment meets them. A package that
// marks a new point adds its name here; a test walks the list.
var names = []string{
	// firmware/reader and firmware/payment
	"payment.create",
	"payment.created",
	"payment.collect",
	"payment.collecting",
	"payment.card-read",
	"payment.collected",
	"payment.authorizing",
	"payment.answered",
	"payment.completed",
	"payment.approved",
	"payment.card-ended",
	"payment.stored",
	"payment.shown",
	"reader.tell",

	// store
	"store.before-commit",
	"store.committed",
	"store.slot-written",

	// store/forward
	"forward.before-attempt",
	"forward.attempt-committed",
	"forward.answered",
	"forward.verdict-committed",
}

// Names returns the name of every point.
func Names() []string { return slices.Clone(names) }
