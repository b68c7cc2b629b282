package tlv

import "fmt"

// Tag is a BER-TLV tag: its bytes, read big endian. '5A' is 0x5A, '9F02' is 0x9F02.
type Tag uint32

// maxTagBytes: EMV tags have one or two bytes, those of the contactless kernels three ('DF8104').
// A fourth never occurs and would leave no room for noticing a runaway tag.
const maxTagBytes = 3

// parseTag reads the tag at the start of b and returns how many bytes it has. reason is empty on
// success.
func parseTag(b []byte) (tag Tag, n int, reason string) {
	if len(b) == 0 {
		return 0, 0, "no tag"
	}
	tag = Tag(b[0])
	if b[0] == 0x00 {
		return 0, 0, "'00' is not a tag"
	}
	if b[0]&0x1F != 0x1F {
		return tag, 1, ""
	}
	for n = 1; n < len(b); n++ {
		if n == maxTagBytes {
			return tag, 0, "tag too long"
		}
		if n == 1 && b[n] == 0x80 {
			return tag, 0, "tag number with a leading zero"
		}
		tag = tag<<8 | Tag(b[n])
		if b[n]&0x80 == 0 {
			return tag, n + 1, ""
		}
	}
	return tag, 0, "tag cut short"
}

// Valid reports whether t is the number of one well-formed tag.
func (t Tag) Valid() bool {
	b := t.bytes()
	got, n, reason := parseTag(b)
	return reason == "" && n == len(b) && got == t
}

// Constructed reports whether the value of t is itself a list of data objects.
func (t Tag) Constructed() bool {
	for t > 0xFF {
		t >>= 8 // the first byte says it
	}
	return t&0x20 != 0
}

// String returns the tag in upper-case hexadecimal, at least two digits.
func (t Tag) String() string {
	return fmt.Sprintf("%02X", uint32(t))
}

// Name returns the name EMV gives the data object, or an empty string for a tag that is not in the
// dictionary.
func (t Tag) Name() string {
	return dictionary[t].name
}

// Format returns the format EMV gives the data object; an unknown tag is Binary.
func (t Tag) Format() Format {
	return dictionary[t].format
}

// Sensitive reports whether the value of t is, or contains, cardholder data that may not be shown,
// logged or stored in clear: the account number, any track image, the cardholder's name, a PIN. A
// constructed tag is not sensitive by itself; what it contains may be.
func (t Tag) Sensitive() bool {
	return dictionary[t].sensitive
}

// bytes returns the tag's bytes, most significant first, without leading zero bytes.
func (t Tag) bytes() []byte {
	return appendTag(nil, t)
}

func appendTag(dst []byte, t Tag) []byte {
	switch {
	case t > 0xFFFFFF:
		dst = append(dst, byte(t>>24), byte(t>>16), byte(t>>8))
	case t > 0xFFFF:
		dst = append(dst, byte(t>>16), byte(t>>8))
	case t > 0xFF:
		dst = append(dst, byte(t>>8))
	}
	return append(dst, byte(t))
}
