package pn532

import "fmt"

// status is the outcome of a command that talks to a card (User Manual, "Error
// handling"): 6 bits of error code.
type status byte

const (
	statusMask = 0x3F
	// moreInformation is MI: in a status, the card's answer goes on; in a target
	// number, the command does. The bit above it (NAD) stays unused.
	moreInformation = 0x40
)

const statusOK status = 0x00

// statusTexts are the codes that can come up with cards.
var statusTexts = map[status]string{
	0x01: "the card did not answer in time",
	0x02: "bad CRC from the card",
	0x03: "bad parity from the card",
	0x04: "bad bit count from the card in anticollision",
	0x05: "bad framing from the card",
	0x06: "abnormal collision of bits",
	0x07: "communication buffer too small",
	0x09: "RF buffer overflow",
	0x0A: "RF field not switched on in time",
	0x0B: "RF protocol error",
	0x0D: "the antenna drivers are too hot and switched off",
	0x0E: "internal buffer overflow",
	0x10: "invalid parameter",
	0x13: "the card broke ISO/IEC 14443-4",
	0x23: "bad check byte in the card's UID",
	0x26: "operation not allowed in this configuration",
	0x27: "no such card activated",
	0x2A: "another card has taken this one's place",
	0x2B: "the card has gone",
	0x2D: "over-current",
}

// Error implements error: a status is the cause of a failed exchange.
func (s status) Error() string {
	if text, ok := statusTexts[s]; ok {
		return fmt.Sprintf("chip status %02X: %s", byte(s), text)
	}
	return fmt.Sprintf("chip status %02X", byte(s))
}
