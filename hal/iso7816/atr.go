package iso7816

import (
	"errors"
	"fmt"
	"time"
)

// MaxATR is the longest answer to reset, in bytes.
const MaxATR = 33

// ErrATR is returned for an answer to reset that breaks a rule.
var ErrATR = errors.New("iso7816: bad answer to reset")

// ATR is a decoded answer to reset.
type ATR struct {
	// Inverse is the convention of the characters on the wire; the bytes given
	// to ParseATR are decoded already.
	Inverse bool
	// Groups are the interface bytes: Groups[0] holds TA1, TB1, TC1, TD1.
	Groups []Group
	// Historical are the historical bytes, at most 15.
	Historical []byte
}

// Group is one set of interface bytes. Nil is absent.
type Group struct{ TA, TB, TC, TD *byte }

// ParseATR decodes an answer to reset, which must be complete, with nothing
// behind it and with a right check byte (TCK) where one is due. Errors match
// ErrATR.
func ParseATR(b []byte) (*ATR, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("%w: %d bytes", ErrATR, len(b))
	}
	if len(b) > MaxATR {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrATR, MaxATR)
	}
	a := &ATR{}
	switch b[0] {
	case 0x3B:
	case 0x3F:
		a.Inverse = true
	default:
		return nil, fmt.Errorf("%w: TS is %02X", ErrATR, b[0])
	}
	rest, checked := b[2:], false
	for present := b[1] >> 4; present != 0; {
		var g Group
		for i, field := range []**byte{&g.TA, &g.TB, &g.TC, &g.TD} {
			if present>>i&1 == 0 {
				continue
			}
			if len(rest) == 0 {
				return nil, fmt.Errorf("%w: ends within the interface bytes", ErrATR)
			}
			value := rest[0]
			*field, rest = &value, rest[1:]
		}
		a.Groups = append(a.Groups, g)
		present = 0
		if g.TD != nil {
			present = *g.TD >> 4
			checked = checked || *g.TD&0x0F != 0
		}
	}
	historical := int(b[1] & 0x0F)
	want := historical
	if checked {
		want++
	}
	if len(rest) != want {
		return nil, fmt.Errorf("%w: %d bytes after the interface bytes instead of %d", ErrATR, len(rest), want)
	}
	if checked && xor(b[1:]) != 0 {
		return nil, fmt.Errorf("%w: wrong check byte TCK", ErrATR)
	}
	a.Historical = append([]byte(nil), rest[:historical]...)
	return a, nil
}

// Protocol is the first protocol the card offers, which is the one in use
// after reset unless PPS chooses another.
func (a *ATR) Protocol() int {
	if p, specific := a.Specific(); specific {
		return p
	}
	if td := a.group(1).TD; td != nil {
		return int(*td & 0x0F)
	}
	return 0
}

// Offers says whether the card can speak protocol t.
func (a *ATR) Offers(t int) bool {
	if td := a.group(1).TD; td == nil {
		return t == 0
	}
	for _, g := range a.Groups {
		if g.TD != nil && int(*g.TD&0x0F) == t {
			return true
		}
	}
	return false
}

// Specific says whether the card is in specific mode (TA2 present), where
// nothing can be negotiated, and with which protocol.
func (a *ATR) Specific() (protocol int, ok bool) {
	if ta := a.group(2).TA; ta != nil {
		return int(*ta & 0x0F), true
	}
	return 0, false
}

// DefaultFiDi is the coding of F=372 and D=1, in use after reset.
const DefaultFiDi = 0x11

// FiDi is TA1: the clock rate conversion and baud rate adjustment the card
// offers, or in specific mode demands.
func (a *ATR) FiDi() byte {
	if ta := a.group(1).TA; ta != nil {
		if ta2 := a.group(2).TA; ta2 != nil && *ta2&0x10 != 0 {
			return DefaultFiDi // specific mode with implicit values
		}
		return *ta
	}
	return DefaultFiDi
}

// Guard is TC1: the extra guard time N, in elementary time units; 255 has a
// meaning of its own per protocol.
func (a *ATR) Guard() byte { return value(a.group(1).TC, 0) }

// WaitingInteger is TC2 (WI) of protocol T=0.
func (a *ATR) WaitingInteger() byte { return value(a.group(2).TC, 10) }

// IFSC is how many bytes of a T=1 block's information field the card accepts.
func (a *ATR) IFSC() int { return int(value(a.t1().TA, 32)) }

// WaitingIntegers is TB of the first T=1 group: BWI in the high, CWI in the low
// half.
func (a *ATR) WaitingIntegers() byte { return value(a.t1().TB, 0x4D) }

// CRC says whether T=1 blocks end with two bytes of CRC instead of one of LRC.
func (a *ATR) CRC() bool { return value(a.t1().TC, 0)&1 != 0 }

// WaitingTime is how long the card may be silent before it answers in protocol
// t, at a card clock of kilohertz. A clock of zero counts as 3571 kHz (F=372 at
// 9600 bit/s), values that are reserved as the defaults.
func (a *ATR) WaitingTime(t, kilohertz int) time.Duration {
	if kilohertz <= 0 {
		kilohertz = 3571
	}
	cycles := 0
	if t == 1 {
		cycles = 960 * 372 << min(a.WaitingIntegers()>>4, 9)
	} else {
		f, _, ok := Rate(a.FiDi())
		if !ok {
			f = 372
		}
		cycles = 960 * f * int(a.WaitingInteger())
	}
	return time.Duration(cycles) * time.Millisecond / time.Duration(kilohertz)
}

// group returns group n, counted from one as in the names TA1, TA2.
func (a *ATR) group(n int) Group {
	if n > len(a.Groups) {
		return Group{}
	}
	return a.Groups[n-1]
}

// t1 returns the first interface bytes that are particular to T=1.
func (a *ATR) t1() Group {
	for i := 2; i < len(a.Groups); i++ {
		if td := a.Groups[i-1].TD; td != nil && *td&0x0F == 1 {
			return a.Groups[i]
		}
	}
	return Group{}
}

func value(b *byte, absent byte) byte {
	if b == nil {
		return absent
	}
	return *b
}

func xor(b []byte) byte {
	var sum byte
	for _, c := range b {
		sum ^= c
	}
	return sum
}

// Clock rate conversion integers F and baud rate adjustment integers D by
// their coding (ISO/IEC 7816-3, "Global interface bytes"). Zero is reserved.
var (
	clockRates = [16]int{372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0}
	baudRates  = [16]int{0, 1, 2, 4, 8, 16, 32, 64, 12, 20}
)

// Rate decodes TA1. It is not ok when a value is reserved.
func Rate(fidi byte) (f, d int, ok bool) {
	f, d = clockRates[fidi>>4], baudRates[fidi&0x0F]
	return f, d, f != 0 && d != 0
}
