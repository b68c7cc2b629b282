// Package forward brings stored payments to the platform, each exactly once.
//
// # Why once
//
// An attempt is on disk (state sending) before the first byte leaves, so after
// a power cut it counts as sent. If it is not certain that a request never
// reached the platform, the payment is unknown, and the next step is to look it
// up by its natural key; only when the platform never saw it is it sent again,
// under the same key and the same natural key. The natural key names one
// payment attempt for ever, so this holds although a platform forgets
// idempotency keys. The verdict is one commit that also deletes the sealed
// payload, unless the platform refused the payment: then it is kept for a
// person to decide.
//
// # Order
//
// Several payments are under way at once, lowest sequence first, but of one card
// (store.WorkItem.Lane) only one: its later payments wait until the earlier one
// has ended, so a card's payments reach the platform in the order they were
// made. An attempt that fails waits, longer each time, and lets other cards
// pass. A payment that is held (Hold), that only a person can help, or about which
// the platform goes on not answering while it answers others, for hours, stays as
// it is, is tried ever more rarely, and nobody waits for it.
//
// # Pace
//
// A failing link slows all attempts down; while it is not certain that the
// platform answers, one payment at a time finds out. A wish to wait that the
// platform expressed is respected, up to store.LongestWait.
//
// # Rescued payments
//
// What was handed over with an export is not sent from here any more. It is
// asked about now and then, when there is nothing else to do, until its end is
// known.
package forward
