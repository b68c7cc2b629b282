// Package haltest is the conformance suite of the hal contracts: what every
// driver, the simulated reader and the hardware of other makers must do alike.
//
// Each check takes a device and, where somebody must do something to it, a
// [Hand]: calls in a simulator, a robot or a person at a bench. Checks do not
// start subtests, so that they can run inside testing/synctest.
package haltest
