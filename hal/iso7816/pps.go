package iso7816

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrPPS is returned when a card refuses a PPS request or answers it wrongly.
// The card must be reset.
var ErrPPS = errors.New("iso7816: protocol and parameter selection failed")

// PPS returns the request for a protocol and a TA1-coded rate.
func PPS(protocol int, fidi byte) []byte {
	b := []byte{0xFF, 0x10 | byte(protocol&0x0F), fidi}
	return append(b, xor(b))
}

// CheckPPS decodes the answer to request and returns the rate that is in force
// now: the one asked for, or the default when the card left it out.
func CheckPPS(request, answer []byte) (fidi byte, err error) {
	if len(answer) < 3 || xor(answer) != 0 || answer[0] != 0xFF || answer[1]&0x0F != request[1]&0x0F {
		return 0, fmt.Errorf("%w: %d bytes that are no answer", ErrPPS, len(answer))
	}
	if bytes.Equal(request, answer) {
		return request[2], nil
	}
	if answer[1]&0xF0 == 0 && len(answer) == 3 {
		return DefaultFiDi, nil
	}
	return 0, fmt.Errorf("%w: the card answered with other parameters", ErrPPS)
}
