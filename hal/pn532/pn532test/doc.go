// Package pn532test is an NXP PN532 made of software: the chip as a host sees
// it over its serial line, with a field into which cards are held.
//
// It follows the chip's manual and not the driver, and it is strict: a frame
// with a bad checksum is not answered, a sleeping chip hears nothing, a chip in
// the low battery mode it powers on in refuses to work, a card that was
// activated is deaf to polling until the field was off, a target number is
// unknown when its card was released.
//
//	emulator := pn532test.New()
//	cable := pn532test.Plug(emulator)     // or emulator.Serve over any stream
//	defer cable.Close()
//	emulator.Tap(pn532test.TypeA(chip))
//
// [Emulator.Fail] makes the chip or the line misbehave once.
//
// Sources: UM0701-02 "PN532 User Manual", "Host controller communication
// protocol" and "Commands". Where the manual is silent this is said at the code
// with [unverified].
package pn532test
