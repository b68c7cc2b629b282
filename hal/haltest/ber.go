package haltest

// element is a data object of a card (EMV Book 3, Annex B: BER-TLV with tags of
// one to three bytes and lengths up to 65535). It shares memory with what it was
// read from.
type element struct {
	tag   uint32
	value []byte
}

// take reads one data object from the front of b.
func take(b []byte) (e element, rest []byte, ok bool) {
	if len(b) < 2 || b[0] == 0x00 || b[0] == 0xFF {
		return e, nil, false
	}
	e.tag, b = uint32(b[0]), b[1:]
	if e.tag&0x1F == 0x1F {
		for n := 0; ; n++ {
			if n == 2 || len(b) == 0 {
				return e, nil, false
			}
			last := b[0]&0x80 == 0
			e.tag, b = e.tag<<8|uint32(b[0]), b[1:]
			if last {
				break
			}
		}
	}
	if len(b) == 0 {
		return e, nil, false
	}
	length, more := int(b[0]), 0
	switch b = b[1:]; {
	case length == 0x81:
		more = 1
	case length == 0x82:
		more = 2
	case length >= 0x80:
		return e, nil, false
	}
	if len(b) < more {
		return e, nil, false
	}
	if more > 0 {
		length = 0
	}
	for _, x := range b[:more] {
		length = length<<8 | int(x)
	}
	if b = b[more:]; length > len(b) {
		return e, nil, false
	}
	e.value = b[:length]
	return e, b[length:], true
}

// find returns the first value at a path of tags, from the outermost template
// inwards. Nil: there is none, or what comes before it cannot be read.
func find(b []byte, path ...uint32) []byte {
	for _, tag := range path {
		for {
			e, rest, ok := take(b)
			if !ok {
				return nil
			}
			if e.tag == tag {
				b = e.value
				break
			}
			b = rest
		}
	}
	return b
}

// object builds a data object.
func object(tag uint32, parts ...[]byte) []byte {
	var value, out []byte
	for _, p := range parts {
		value = append(value, p...)
	}
	for shift := 16; shift >= 0; shift -= 8 {
		if b := byte(tag >> shift); b != 0 {
			out = append(out, b)
		}
	}
	switch n := len(value); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, value...)
}
