// Package payment runs one payment at a time: it decides, in the order
// collect, confirm, whether a card payment is authorized online, stored for
// later, or refused, and commits every step before anybody is told.
//
// The [Machine] is a state machine because it waits: for the POS, for a card,
// for the platform, for the cardholder to take the card back. What computes,
// it leaves to others: the transaction with the card to emvkernel, the record
// to store and store/seal, the decision whether a payment may be stored to
// [Policy].
//
// The machine knows no JSON, no chip and no socket. It is safe for concurrent
// use; one goroutine must run [Machine.Run].
package payment
