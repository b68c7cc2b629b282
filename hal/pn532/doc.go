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
// # Speed
//
// An activation from a field that is off takes three commands (field on, look
// for type B, look for type A), one of a type B card six; an APDU takes one
// command and 26 bytes besides its own. Type A is looked for last because the
// chip drops the cards it holds when it looks for others: what it finds last can
// be used at once.
//
// A card that needs long asks for more time (S(WTX)); the chip hears that and
// waits. A card that does not ask is mute after its frame waiting time, which is
// the card's own choice too, mostly 39 or 77 ms. The chip speaks to cards at 106
// kbit/s and tells them to send frames of 64 bytes at most; both are fixed here
// (the first by EMV, the second by the chip).
//
// # Times of answers
//
// The chip does not measure how long a card takes to answer, and says nothing
// that a time could be made of. What this host could measure has the serial line
// or bus, the chip's own work and block chaining in it, several milliseconds
// that differ from one exchange to the next, where a relay is told by tenths of
// one. So cards here are no hal.TimedCard, and kernels do without relay
// resistance.
//
// # Baud rate
//
// HSU starts at 115200 baud, the chip's rate after power on. The rate is raised
// at set-up and tried with a test pattern; a line that does not carry it gets a
// lower one (921600, 460800, 115200). The chip keeps a raised rate until it
// loses power, so a chip that does not answer at 115200 is looked for at the
// others.
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
