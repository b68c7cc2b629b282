package c3_test

import (
	"bytes"

	"smartreader/emvkernel/tlv"
)

// mutation is one change to one answer of a card. Five bytes of a fuzzer's program make one.
type mutation struct {
	answer  byte // which one
	kind    byte
	a, b, c byte
}

const mutationSize = 5

func mutationsOf(program []byte) []mutation {
	var list []mutation
	for ; len(program) >= mutationSize && len(list) < 6; program = program[mutationSize:] {
		list = append(list, mutation{program[0], program[1], program[2], program[3], program[4]})
	}
	return list
}

// interesting are tags the kernel acts on, and some that are not the card's to give.
var interesting = []tlv.Tag{
	0x57, 0x5A, 0x5F24, 0x5F28, 0x5F34, 0x82, 0x94, 0x8F, 0x90, 0x92, 0x9F32, 0x9F46, 0x9F47, 0x9F48, 0x9F4A, 0x9F4B, 0x9F4C,
	0x9F07, 0x9F10, 0x9F26, 0x9F27, 0x9F36, 0x9F5D, 0x9F69, 0x9F6C, 0x9F6E, 0x93,
	0x9F02, 0x9F37, 0x5F2A, 0x9F66, 0x9A, 0x9C, 0x95, 0x84, 0x70, 0x77, 0x80,
}

const mutationKinds = 12

// apply changes an answer. The first kinds know only bytes, the later ones keep the structure intact around what
// they change, so that the kernel has to look closer.
func (m mutation) apply(answer []byte, earlier [][]byte) []byte {
	answer = bytes.Clone(answer)
	if len(answer) < 2 {
		return answer
	}
	data, sw := answer[:len(answer)-2], answer[len(answer)-2:]
	at := (int(m.a)<<8 | int(m.b)) % len(answer)
	switch m.kind % mutationKinds {
	case 0: // flip bits
		answer[at] ^= m.c
		return answer
	case 1: // delete
		return append(answer[:at], answer[min(len(answer), at+1+int(m.c%8)):]...)
	case 2: // insert
		return append(bytes.Clone(answer[:at]), append([]byte{m.c}, answer[at:]...)...)
	case 3: // cut short
		return answer[:at]
	case 4: // another status word
		return append(data, m.a, m.b)
	case 5: // nothing but one
		return []byte{m.a, m.b}
	case 6: // an earlier answer
		if len(earlier) == 0 {
			return answer
		}
		return bytes.Clone(earlier[int(m.a)%len(earlier)])
	}
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 || !e.Tag.Constructed() {
		return answer
	}
	list, err := e.Children()
	if err != nil || len(list) == 0 {
		return answer
	}
	var content []byte
	for i, child := range list {
		tag, value := child.Tag, bytes.Clone(child.Value)
		if i == int(m.a)%len(list) {
			switch m.kind % mutationKinds {
			case 7: // without it
				continue
			case 8: // twice
				content = tlv.Append(content, tag, value...)
			case 9: // another value
				if len(value) > 0 {
					value[int(m.b)%len(value)] ^= m.c
				}
			case 10: // another tag
				tag = interesting[int(m.b)%len(interesting)]
			case 11: // a neighbour
				content = tlv.Append(content, interesting[int(m.b)%len(interesting)], bytes.Repeat([]byte{m.c}, 1+int(m.c%8))...)
			}
		}
		content = tlv.Append(content, tag, value...)
	}
	return append(tlv.Append(nil, e.Tag, content...), sw...)
}
