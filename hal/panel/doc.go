// Package panel is what is soldered to the front and the case of a reader: the
// four contactless lights and the beeper, a matrix keypad, and the switch that
// notices an opened case, all on GPIO pins. It borrows the pins; hal/board
// knows which they are.
//
// # Wiring
//
// Lights and beeper: high is on. A light takes a resistor, a beeper that draws
// more than a pin may give takes a transistor. A beeper without its own
// oscillator needs a pin that can do PWM; one with it ("active") works on any
// pin and keeps the rhythm of the tones, not their pitch.
//
// Tamper switch: normally closed, from the pin to ground, opened by the case or
// a cut mesh; the pin's pull-up resistor makes it high then. So a cut wire is
// noticed as well. Where the pin has no pull-up of its own the board has one.
//
// Keypad: rows and columns of switches. Columns and rows are pulled up, and rows
// driven low one after the other, so that two keys pressed together connect no
// two outputs. A row on a pin that can only be an output is driven high instead,
// and needs a diode or a resistor.
//
// EMV Contactless Book A, sections on the user interface, say what lights and
// tones mean [unverified]; package hal has their names.
//
// Lines: Linux kernel documentation, "GPIO Character Device Userspace API",
// https://docs.kernel.org/userspace-api/gpio/chardev.html.
package panel
