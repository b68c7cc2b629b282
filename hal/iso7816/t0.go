package iso7816

import (
	"context"
	"fmt"

	"smartreader/hal"
)

// Limits on what a card may draw out.
const (
	maxParts    = 64 // of a T=0 answer
	maxShort    = 256 + 2
	maxResponse = 65536 + 2
)

// T0 carries command APDUs by protocol T=0 and gathers the whole answer: the
// status 61xx is followed by GET RESPONSE, 6Cxx by the same header with the
// right length, and data that waits behind a warning is fetched (EMV Book 1,
// "Transport of APDUs by T=0").
type T0 struct {
	// Link carries a header with P3 and data, and returns data and status word.
	Link Transport
	// Whole says that the link takes whole APDUs and maps them to T=0 itself.
	// Many readers that do so still hand 61xx and 6Cxx up.
	Whole bool
}

// Exchange sends one command APDU and returns data and status word. Extended
// lengths are an error that matches hal.ErrUnsupported, unless the link takes
// whole APDUs.
func (t *T0) Exchange(ctx context.Context, apdu []byte) ([]byte, error) {
	cmd, err := parse(apdu)
	if err != nil {
		return nil, err
	}
	if cmd.extended {
		if !t.Whole {
			return nil, fmt.Errorf("iso7816: extended length over T=0: %w", hal.ErrUnsupported)
		}
		return t.send(ctx, apdu)
	}
	answer, err := t.send(ctx, t.unit(apdu, cmd))
	if err != nil {
		return nil, err
	}
	if sw1, sw2 := status(answer); sw1 == 0x6C && len(answer) == 2 && cmd.le >= 0 {
		if len(cmd.data) > 0 {
			// Not the command is at fault but the GET RESPONSE the link sent
			// for it; the command itself must not run twice.
			answer, err = t.getResponse(ctx, sw2)
		} else {
			answer, err = t.send(ctx, append(append(make([]byte, 0, header+1), cmd.head...), sw2))
		}
		if err != nil {
			return nil, err
		}
	}
	if cmd.le >= 0 && len(cmd.data) > 0 && len(answer) == 2 && warning(answer) {
		return t.behind(ctx, answer)
	}
	return t.gather(ctx, answer)
}

// unit is what the link is given for an APDU.
func (t *T0) unit(apdu []byte, cmd command) []byte {
	switch {
	case t.Whole:
		return apdu
	case len(apdu) == header: // case 1 is sent with P3 = 00
		return append(append(make([]byte, 0, header+1), apdu...), 0)
	case len(cmd.data) > 0:
		return apdu[:header+1+len(cmd.data)] // there is no Le behind data
	}
	return apdu
}

// gather follows 61xx until the answer is complete.
func (t *T0) gather(ctx context.Context, answer []byte) ([]byte, error) {
	var data []byte
	for range maxParts {
		sw1, sw2 := status(answer)
		part := answer[:len(answer)-2]
		if len(data)+len(answer) > maxResponse {
			break
		}
		if sw1 != 0x61 {
			if data == nil {
				return answer, nil
			}
			return append(data, answer...), nil
		}
		data = append(data, part...)
		var err error
		if answer, err = t.getResponse(ctx, sw2); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: the answer does not end", ErrProtocol)
}

// behind fetches the data that waits behind a warning. A card that has none
// refuses, and the warning stands alone.
func (t *T0) behind(ctx context.Context, remark []byte) ([]byte, error) {
	answer, err := t.getResponse(ctx, 0)
	if err != nil {
		return nil, err
	}
	if answer, err = t.gather(ctx, answer); err != nil {
		return nil, err
	}
	if data := len(answer) - 2; data > 0 && answer[data] == 0x90 && answer[data+1] == 0 {
		return append(answer[:data], remark...), nil
	}
	return remark, nil
}

func (t *T0) getResponse(ctx context.Context, le byte) ([]byte, error) {
	answer, err := t.send(ctx, []byte{0x00, 0xC0, 0x00, 0x00, le})
	if err != nil {
		return nil, err
	}
	if sw1, sw2 := status(answer); sw1 == 0x6C && len(answer) == 2 {
		return t.send(ctx, []byte{0x00, 0xC0, 0x00, 0x00, sw2})
	}
	return answer, nil
}

func (t *T0) send(ctx context.Context, unit []byte) ([]byte, error) {
	answer, err := t.Link.Exchange(ctx, unit, 1)
	if err != nil {
		return nil, err
	}
	if len(answer) < 2 || len(answer) > maxResponse {
		return nil, fmt.Errorf("%w: %d bytes are no answer", ErrProtocol, len(answer))
	}
	return answer, nil
}

func status(answer []byte) (sw1, sw2 byte) {
	return answer[len(answer)-2], answer[len(answer)-1]
}

// warning says whether a status word is one of those behind which EMV lets data
// wait: 62xx, 63xx and 9xxx other than 9000.
func warning(answer []byte) bool {
	sw1, sw2 := status(answer)
	return sw1 == 0x62 || sw1 == 0x63 || sw1&0xF0 == 0x90 && (sw1 != 0x90 || sw2 != 0)
}
