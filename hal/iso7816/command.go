package iso7816

import "fmt"

// header is CLA, INS, P1, P2.
const header = 4

// command is a command APDU taken apart (ISO/IEC 7816-3, "Command-response
// pairs": cases 1 to 4). data shares memory with the APDU.
type command struct {
	head     []byte
	data     []byte
	le       int  // -1: none; else 1 to 256
	extended bool // lengths of three and two bytes
}

func parse(b []byte) (command, error) {
	if len(b) < header {
		return command{}, fmt.Errorf("%w: %d bytes", ErrCommand, len(b))
	}
	c := command{head: b[:header], le: -1}
	body := b[header:]
	switch {
	case len(body) == 0: // case 1
		return c, nil
	case len(body) == 1: // case 2
		c.le = expected(body[0])
		return c, nil
	case body[0] == 0 && len(body) >= 3: // cases 2, 3 and 4 with extended lengths
		c.extended = true
		lc := int(body[1])<<8 | int(body[2])
		if rest := len(body) - 3 - lc; len(body) == 3 || lc > 0 && (rest == 0 || rest == 2) {
			return c, nil
		}
		return command{}, fmt.Errorf("%w: extended lengths do not fit %d bytes", ErrCommand, len(b))
	}
	lc := int(body[0])
	switch rest := len(body) - 1 - lc; {
	case lc > 0 && rest == 0: // case 3
	case lc > 0 && rest == 1: // case 4
		c.le = expected(body[1+lc])
	default:
		return command{}, fmt.Errorf("%w: Lc is %d with %d bytes after it", ErrCommand, lc, len(body)-1)
	}
	c.data = body[1 : 1+lc]
	return c, nil
}

func expected(le byte) int {
	if le == 0 {
		return 256
	}
	return int(le)
}
