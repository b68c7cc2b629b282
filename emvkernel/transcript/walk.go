package transcript

import (
	"bytes"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// askedFor: the data object a GET DATA asks for.
func askedFor(command []byte) (tlv.Tag, bool) {
	if len(command) < 4 || command[1] != apdu.INSGetData {
		return 0, false
	}
	return tlv.Tag(command[2])<<8 | tlv.Tag(command[3]), true
}

func startsWith(data []byte, tag tlv.Tag) bool {
	e, _, err := tlv.ParseOne(data)
	return err == nil && e.Tag == tag
}

// each walks over data objects and the templates among them, as deep as they go. broken gets what cannot be
// read any more. The values are data's own memory.
func each(data []byte, object func(tlv.Tag, []byte), broken func(rest []byte)) {
	for len(data) > 0 {
		if data[0] == 0 {
			data = data[1:]
			continue
		}
		e, rest, err := tlv.ParseOne(data)
		if err != nil {
			broken(data)
			return
		}
		if e.Tag.Constructed() {
			each(e.Value, object, broken)
		} else {
			object(e.Tag, e.Value)
		}
		data = rest
	}
}

// rawTags are looked for in bytes without structure, with the shortest and longest value they have.
var rawTags = []struct {
	tag         tlv.Tag
	bytes       []byte
	least, most int
}{
	{0x5A, []byte{0x5A}, 4, 10}, {0x57, []byte{0x57}, 8, 19}, {0x56, []byte{0x56}, 20, 76}, {0x93, []byte{0x93}, 64, 255}, {0x90, []byte{0x90}, 64, 255},
	{0x5F20, []byte{0x5F, 0x20}, 2, 45}, {0x9F0B, []byte{0x9F, 0x0B}, 2, 45}, {0x9F1F, []byte{0x9F, 0x1F}, 1, 76}, {0x9F20, []byte{0x9F, 0x20}, 1, 19},
	{0x9F6B, []byte{0x9F, 0x6B}, 8, 19}, {0x9F46, []byte{0x9F, 0x46}, 32, 255}, {0x9F2D, []byte{0x9F, 0x2D}, 32, 255}, {0x9F4B, []byte{0x9F, 0x4B}, 32, 255},
	{0x9F24, []byte{0x9F, 0x24}, 1, 29}, {0x5F53, []byte{0x5F, 0x53}, 4, 34},
}

// eachRaw finds what looks like data objects of the cardholder in bytes that are no list: the tag, a length
// it can have, and as much of the value as there is.
func eachRaw(b []byte, object func(tlv.Tag, []byte)) {
	for i := range b {
		for _, raw := range rawTags {
			after, found := bytes.CutPrefix(b[i:], raw.bytes)
			if !found || len(after) < 2 {
				continue
			}
			n := int(after[0])
			after = after[1:]
			if n == 0x81 {
				n, after = int(after[0]), after[1:]
			}
			if n >= raw.least && n <= raw.most {
				object(raw.tag, after[:min(n, len(after))])
			}
		}
	}
}

// answer is the data of one answer, in the parts it came in: a card hands out more than one by '61xx' and
// GET RESPONSE, and what is looked for may begin in one and end in the next.
type answer struct {
	command []byte
	parts   []int // indexes of Response events
}

func answersOf(events []Event) (out []answer) {
	var command []byte
	more := false // the answer before was not all
	for i, e := range events {
		switch {
		case e.Kind == Command:
			goesOn := more && len(e.Bytes) > 1 && e.Bytes[1] == apdu.INSGetResponse
			if !goesOn {
				command = bytes.Clone(e.Bytes)
				out = append(out, answer{command: command})
			}
			more = false
		case e.Kind == Response && len(out) > 0:
			last := &out[len(out)-1]
			last.parts = append(last.parts, i)
			n := len(e.Bytes)
			more = n >= 2 && (e.Bytes[n-2] == 0x61 || e.Bytes[n-2] == 0x62 || e.Bytes[n-2] == 0x63)
		}
	}
	return out
}

// body is an answer without its status word. One too short to have one is all data.
func body(b []byte) []byte {
	if len(b) < 2 {
		return b
	}
	return b[:len(b)-2]
}

func (a answer) data(events []Event) (data []byte) {
	for _, i := range a.parts {
		data = append(data, body(events[i].Bytes)...)
	}
	return data
}

func (a answer) put(events []Event, data []byte) {
	for _, i := range a.parts {
		data = data[copy(body(events[i].Bytes), data):]
	}
}
