package emvtest

import "log/slog"

// pan is a card number: digits that no log, error or JSON ever shows in full, test card or not.
type pan string

func (p pan) String() string {
	if len(p) < 12 {
		return "[card number]"
	}
	return "[card number ending in " + p.last4() + "]"
}

func (p pan) GoString() string             { return p.String() }
func (p pan) LogValue() slog.Value         { return slog.StringValue(p.String()) }
func (p pan) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p pan) last4() string { return string(p[max(0, len(p)-4):]) }

// compressed packs the digits and fills with 'F' up to n bytes (format cn); n = 0 fills one byte only.
func (p pan) compressed(n int) []byte {
	digits := string(p)
	if len(digits)%2 == 1 {
		digits += "F"
	}
	out := make([]byte, 0, max(n, len(digits)/2))
	for i := 0; i < len(digits); i += 2 {
		out = append(out, nibble(digits[i])<<4|nibble(digits[i+1]))
	}
	for len(out) < n {
		out = append(out, 0xFF)
	}
	return out
}

func nibble(c byte) byte {
	if c == 'F' {
		return 0x0F
	}
	return c - '0'
}

// validLuhn reports whether p is 12 to 19 digits with the right check digit.
func (p pan) validLuhn() bool {
	if len(p) < 12 || len(p) > 19 {
		return false
	}
	sum := 0
	for i := range p {
		if p[i] < '0' || p[i] > '9' {
			return false
		}
		d := int(p[i] - '0')
		if (len(p)-i)%2 == 0 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
