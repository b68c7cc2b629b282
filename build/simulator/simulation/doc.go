// Package simulation is how a simulated reader behaves on demand: the card a
// cardholder always has at hand, the tip, the update that is due, the answers
// to forms, and a line to the internet that fails in three ways. The names are
// those of the SDKs' simulator configuration.
//
// Nothing resets by itself: what is set stays until it is set again or the
// simulator ends. (Stripe's JavaScript SDK resets its configuration after each
// payment; a till that counts on it sets the configuration before each.)
package simulation
