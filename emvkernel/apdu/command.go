package apdu

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// MaxData is how many data bytes a short command can carry.
const MaxData = 255

// ErrCommand is returned for bytes that are not a short command, and for a command that does not fit
// into one.
var ErrCommand = errors.New("apdu: malformed command")

// NoLe is the Le of a command that expects no data in the response (cases 1 and 3).
const NoLe = -1

// Command is a command message.
type Command struct {
	CLA, INS, P1, P2 byte
	// Data is the body: nil or 1 to 255 bytes.
	Data []byte
	// Le is the length of data expected back: NoLe for none, 0 for all there is (up to 256), else
	// 1 to 255.
	Le int
}

// Bytes encodes the command. It fails when Data or Le does not fit a short command.
func (c Command) Bytes() ([]byte, error) {
	if len(c.Data) > MaxData {
		return nil, fmt.Errorf("%w: %d data bytes", ErrCommand, len(c.Data))
	}
	if c.Le < NoLe || c.Le > 255 {
		return nil, fmt.Errorf("%w: Le %d", ErrCommand, c.Le)
	}
	out := make([]byte, 0, 6+len(c.Data))
	out = append(out, c.CLA, c.INS, c.P1, c.P2)
	if len(c.Data) > 0 {
		out = append(out, byte(len(c.Data)))
		out = append(out, c.Data...)
	}
	if c.Le != NoLe {
		out = append(out, byte(c.Le))
	}
	return out, nil
}

// String names the command, as in "READ RECORD 00 B2 01 0C (0 data bytes)", without its data, which may
// be a PIN or cardholder data.
func (c Command) String() string {
	name := instructions[c.INS]
	if name != "" {
		name += " "
	}
	return fmt.Sprintf("%s%02X %02X %02X %02X (%d data bytes)", name, c.CLA, c.INS, c.P1, c.P2, len(c.Data))
}

// Format writes String whatever the verb is: '%#v' and '%d' would show the data.
func (c Command) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// LogValue is String.
func (c Command) LogValue() slog.Value { return slog.StringValue(c.String()) }

// ParseCommand decodes a short command of any case. The command's Data shares memory with b.
func ParseCommand(b []byte) (Command, error) {
	if len(b) < 4 {
		return Command{}, fmt.Errorf("%w: %d bytes", ErrCommand, len(b))
	}
	c := Command{CLA: b[0], INS: b[1], P1: b[2], P2: b[3], Le: NoLe}
	body := b[4:]
	switch len(body) {
	case 0: // case 1
		return c, nil
	case 1: // case 2
		c.Le = int(body[0])
		return c, nil
	}
	lc := int(body[0])
	if lc == 0 {
		// An extended length would start like this; EMV has none.
		return Command{}, fmt.Errorf("%w: Lc is zero", ErrCommand)
	}
	switch rest := len(body) - 1 - lc; rest {
	case 0: // case 3
	case 1: // case 4
		c.Le = int(body[1+lc])
	default:
		return Command{}, fmt.Errorf("%w: Lc is %d with %d bytes after it", ErrCommand, lc, len(body)-1)
	}
	c.Data = body[1 : 1+lc : 1+lc]
	return c, nil
}
