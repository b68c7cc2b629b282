package emvkernel

import (
	"strings"
	"unicode"

	"golang.org/x/text/encoding/charmap"
)

// codeTables are the alphabets of preferred names: issuer code table index n is part n of ISO/IEC 8859
// (EMV Book 4, Annex B). There is none after the tenth.
var codeTables = [...]*charmap.Charmap{
	charmap.ISO8859_1,  // Western European
	charmap.ISO8859_2,  // Central European
	charmap.ISO8859_3,  // South European
	charmap.ISO8859_4,  // North European
	charmap.ISO8859_5,  // Cyrillic
	charmap.ISO8859_6,  // Arabic
	charmap.ISO8859_7,  // Greek
	charmap.ISO8859_8,  // Hebrew
	charmap.ISO8859_9,  // Turkish
	charmap.ISO8859_10, // Nordic
}

// codeTable returns the alphabet an issuer code table index ('9F11') names, or nil when there is none or
// the terminal does not claim to show it. Bytes 4 and 5 of the additional terminal capabilities ('9F40')
// have a bit for each: the lowest is table 1, the tenth table 10 (EMV Book 4, Annex A3).
func codeTable(index []byte, capabilities [5]byte) *charmap.Charmap {
	if len(index) != 1 || nibble(index, 0) > 9 || nibble(index, 1) > 9 {
		return nil
	}
	n := int(nibble(index, 0))*10 + int(nibble(index, 1))
	claimed := uint16(capabilities[3])<<8 | uint16(capabilities[4])
	if n < 1 || n > len(codeTables) || claimed>>(n-1)&1 == 0 {
		return nil
	}
	return codeTables[n-1]
}

// maxName is the length of an application label or preferred name (EMV Book 3, Annex A).
const maxName = 16

// inTable decodes a preferred name. Characters that cannot be shown are left out.
func inTable(table *charmap.Charmap, name []byte) string {
	return printable(name, table.DecodeByte)
}

// common decodes an application label, which is limited to the common character set, the same in every
// code table (EMV Book 4, Annex B).
func common(name []byte) string {
	return printable(name, func(c byte) rune {
		if c > unicode.MaxASCII {
			return unicode.ReplacementChar
		}
		return rune(c)
	})
}

func printable(name []byte, decode func(byte) rune) string {
	var s strings.Builder
	s.Grow(maxName)
	for _, c := range name[:min(len(name), maxName)] {
		switch r := decode(c); {
		case r == unicode.ReplacementChar:
		case unicode.IsSpace(r) && !unicode.IsControl(r):
			s.WriteByte(' ') // also one that must not break
		case unicode.IsPrint(r):
			s.WriteRune(r)
		}
	}
	return strings.TrimSpace(s.String())
}
