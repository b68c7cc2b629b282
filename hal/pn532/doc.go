// Package pn532 drives the NXP PN532, a contactless reader chip, over its
// serial line (HSU), I2C or SPI.
//
// # Layers
//
//	Reader, card    the hal contract: poll, collision, exchange, removal
//	device          commands: acknowledge, answer, cancel, retransmit, set-up
//	Link            frames over one interface: [HSU], [I2C], [SPI]
//
// The chip does ISO/IEC 14443-3 and -4 itself (anticollision, RATS or ATTRIB,
// block chaining, waiting-time extensions); this package tells it what to do
// and never sees a block.
//
// # What is a payment card
//
// A type A card whose SAK says that it does not speak ISO/IEC 14443-4 (most
// transit and door cards) was seen and cannot be activated: hal.ErrMute.
//
// # Robustness
//
// Every wait ends. A command that is not acknowledged is sent once more after
// the chip was woken; an answer that arrives damaged is asked for again (NACK),
// if it can be told for one; a chip that stays silent, or an adapter that was
// unplugged, is hal.ErrNotFound and is opened anew at the next call. An APDU is
// never sent twice: whether the card has seen it is not known, so a lost exchange
// is an error of that card, and the field goes off.
//
// # Baud rate
//
// HSU starts at 115200 baud, the chip's rate after power on. The rate is raised
// at set-up and tried with a test pattern; a line that does not carry it is left
// at 115200. The chip keeps a raised rate until it loses power, so a chip that
// does not answer at 115200 is tried at the raised rate.
//
// # Wiring
//
// Modules have two switches for the interface, I0 and I1: HSU 0 0, I2C 1 0,
// SPI 0 1; the chip reads them at power on only. On I2C the chip stretches the
// clock; a host controller that does not wait for it (the one of Raspberry Pi
// models before 4 among them) loses bytes at 100 kHz and above: prefer HSU or SPI.
//
// # Sources
//
//   - UM0701-02 "PN532 User Manual", https://www.nxp.com/docs/en/user-guide/141520.pdf:
//     "Host controller communication protocol" (frames, dialogue), "Commands",
//     "Error handling"
//   - PN532/C1 product data sheet,
//     https://www.nxp.com/docs/en/nxp/data-sheets/PN532_C1.pdf: "Host
//     interfaces", "Power modes"
//   - AN133910 "PN532 application note": wake-up on each interface
//   - ISO/IEC 14443-3 and -4; EMV Contactless Interface Specification: polling,
//     collision detection, removal
package pn532
