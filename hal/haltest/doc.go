// Package haltest is the conformance suite of the hal contracts: what every
// driver, the simulated reader and the hardware of other makers must do alike.
//
// There is one suite for each interface of hal, and [Closing] for the end of a
// device. A driver's test calls them with the driver on top of an emulated
// device; package report runs them on the hardware itself:
//
//	func TestConformance(t *testing.T) {
//		slot, card := ... // a driver, and the hand that moves its card
//		haltest.ContactReader(t, slot, card)
//		haltest.Closing(t, slot, slot.Close)
//	}
//
// A suite is a row of named checks ([Checker]), and goes on after a check that
// failed where it can. It takes a device and, where somebody must do something
// to it, a hand: calls of an emulator, a robot or a person at a bench. A hand
// may be slow: suites wait for what the device tells, never for the hand.
//
// [ReadCard] reads a payment card as far as no payment kernel is needed, and
// [TestCard] is a card made to be read so: for suites here, and for tests of
// drivers.
//
// No check is about speed: bounds are many times what is needed. Suites do not
// start subtests, so that they can run inside testing/synctest, where waiting
// takes no time.
package haltest
