package tlv

// DOLItem asks for one data object: its tag and how many bytes of it.
type DOLItem struct {
	Tag    Tag
	Length int // bytes, 0 to 255
}

// DOL is a data object list in the card's order. A tag may occur more than once.
type DOL []DOLItem

// ParseDOL decodes the value of a PDOL, CDOL, DDOL or TDOL: tags with one length byte each, no
// values (EMV Book 3, 5.4).
func ParseDOL(b []byte) (DOL, error) {
	var dol DOL
	for offset := 0; offset < len(b); {
		tag, n, reason := parseTag(b[offset:])
		if reason != "" {
			return nil, &Error{Offset: offset, Tag: tag, Reason: reason}
		}
		if offset+n == len(b) {
			return nil, &Error{Offset: offset, Tag: tag, Reason: "no length in the data object list"}
		}
		dol = append(dol, DOLItem{Tag: tag, Length: int(b[offset+n])})
		offset += n + 1
	}
	return dol, nil
}

// Size returns how many bytes Build makes.
func (d DOL) Size() int {
	size := 0
	for _, item := range d {
		size += item.Length
	}
	return size
}

// Contains reports whether the list asks for tag.
func (d DOL) Contains(tag Tag) bool {
	for _, item := range d {
		if item.Tag == tag {
			return true
		}
	}
	return false
}

// Bytes encodes the list again.
func (d DOL) Bytes() []byte {
	var out []byte
	for _, item := range d {
		out = append(appendTag(out, item.Tag), byte(item.Length))
	}
	return out
}

// Build concatenates the values the list asks for, in its order, each fitted to the length asked
// for. get returns nil or an empty value for a data object the terminal does not have; the card
// then gets zeros, as it does for a constructed tag (EMV Book 3, 5.4).
func (d DOL) Build(get func(Tag) []byte) []byte {
	out := make([]byte, 0, d.Size())
	for _, item := range d {
		var value []byte
		if !item.Tag.Constructed() {
			value = get(item.Tag)
		}
		out = appendFitted(out, value, item.Length, item.Tag.Format())
	}
	return out
}

// appendFitted cuts or fills value to length bytes. Numbers keep their right end, everything else its
// left end; compressed numbers are filled with 'F' digits.
func appendFitted(dst, value []byte, length int, format Format) []byte {
	missing := length - len(value)
	if missing <= 0 {
		if format == Numeric {
			return append(dst, value[-missing:]...)
		}
		return append(dst, value[:length]...)
	}
	fill := byte(0x00)
	if format == CompressedNumeric && len(value) > 0 {
		fill = 0xFF
	}
	if format != Numeric {
		dst = append(dst, value...)
	}
	for range missing {
		dst = append(dst, fill)
	}
	if format == Numeric {
		dst = append(dst, value...)
	}
	return dst
}
