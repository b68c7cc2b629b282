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
// payload.
//
// # Order and pace
//
// One payment at a time, lowest sequence first. An attempt that fails waits,
// longer each time, and lets others pass; a failing link slows all attempts
// down. A wish to wait that the platform expressed is respected, up to
// store.LongestWait.
package forward
