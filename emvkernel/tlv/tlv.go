package tlv

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
)

// Element is one decoded data object.
type Element struct {
	Tag   Tag
	Value []byte
	// Raw is tag, length and value exactly as they were sent: signatures are computed over it, and a
	// length with more bytes than needed would be lost by encoding again.
	Raw []byte
}

// String names the data object and its length, as in "5A (8 bytes)", without its value, which may be an
// account number.
func (e Element) String() string { return fmt.Sprintf("%v (%d bytes)", e.Tag, len(e.Value)) }

// Format writes String whatever the verb is.
func (e Element) Format(f fmt.State, _ rune) { io.WriteString(f, e.String()) }

// LogValue is String.
func (e Element) LogValue() slog.Value { return slog.StringValue(e.String()) }

// Children decodes the value of a constructed element.
func (e Element) Children() ([]Element, error) {
	if !e.Tag.Constructed() {
		return nil, &Error{Tag: e.Tag, Reason: "not a template"}
	}
	return Parse(e.Value)
}

// Error is what every decoder of this package returns. It names the place, never the content, so it
// may be logged.
type Error struct {
	Offset int // bytes from the start of what was given to the decoder
	Tag    Tag // zero when no tag could be read
	Reason string
}

func (e *Error) Error() string {
	if e.Tag == 0 {
		return fmt.Sprintf("tlv: offset %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("tlv: tag %s at offset %d: %s", e.Tag, e.Offset, e.Reason)
}

// ParseOne decodes the data object at the start of b, where no '00' filler may stand, and returns
// what follows it.
func ParseOne(b []byte) (e Element, rest []byte, err error) {
	return parseAt(b, 0)
}

// All walks a list of data objects, such as the value of a template, without allocating anything. '00'
// before, between and after them is skipped. After an error, which comes with a zero Element, the walk
// is over.
func All(b []byte) iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) { each(b, yield) }
}

// each is apart from All so that All is inlined, and its function stays on the stack.
func each(b []byte, yield func(Element, error) bool) {
	for offset := 0; offset < len(b); {
		if b[offset] == 0x00 {
			offset++
			continue
		}
		e, rest, err := parseAt(b, offset)
		if !yield(e, err) || err != nil {
			return
		}
		offset = len(b) - len(rest)
	}
}

// Parse decodes a list of data objects as All walks it. An empty list is not an error.
func Parse(b []byte) ([]Element, error) {
	list := make([]Element, 0, 8)
	for e, err := range All(b) {
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// maxDepth is far beyond what EMV nests (an application template in a record, three deep).
const maxDepth = 16

// Walk visits the data objects of b and, behind each template, what is in it; depth counts from 0. It
// stops at the first error, its own or visit's, and returns it: what was visited until then is
// well-formed up to its own head and length. A template nested deeper than 16 is an error. Offsets of
// errors count from the start of b.
func Walk(b []byte, visit func(depth int, e Element) error) error {
	return walk(b, 0, 0, visit)
}

func walk(b []byte, start, depth int, visit func(int, Element) error) error {
	for offset := start; offset < len(b); {
		if b[offset] == 0x00 {
			offset++
			continue
		}
		e, rest, err := parseAt(b, offset)
		if err != nil {
			return err
		}
		if depth > maxDepth {
			return &Error{Offset: offset, Tag: e.Tag, Reason: "nested too deep"}
		}
		if err := visit(depth, e); err != nil {
			return err
		}
		end := len(b) - len(rest)
		if e.Tag.Constructed() {
			// The value is a part of b that begins where it begins, so that offsets stay those of b.
			if err := walk(b[:end], end-len(e.Value), depth+1, visit); err != nil {
				return err
			}
		}
		offset = end
	}
	return nil
}

// Find returns the first element of list that has the tag.
func Find(list []Element, tag Tag) (Element, bool) {
	for _, e := range list {
		if e.Tag == tag {
			return e, true
		}
	}
	return Element{}, false
}

// Append encodes one data object with the shortest length field and appends it to dst.
func Append(dst []byte, tag Tag, value ...byte) []byte {
	dst = appendTag(dst, tag)
	n := len(value)
	switch {
	case n < 0x80:
		dst = append(dst, byte(n))
	case n <= 0xFF:
		dst = append(dst, 0x81, byte(n))
	case n <= 0xFFFF:
		dst = append(dst, 0x82, byte(n>>8), byte(n))
	default:
		dst = append(dst, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, value...)
}

func parseAt(b []byte, start int) (Element, []byte, error) {
	in := b[start:]
	tag, n, reason := parseTag(in)
	if reason != "" {
		return Element{}, nil, &Error{Offset: start, Tag: tag, Reason: reason}
	}
	length, m, reason := parseLength(in[n:])
	if reason != "" {
		return Element{}, nil, &Error{Offset: start, Tag: tag, Reason: reason}
	}
	head := n + m
	if length > len(in)-head {
		return Element{}, nil, &Error{Offset: start, Tag: tag, Reason: "value cut short"}
	}
	end := head + length
	// Capacity is capped so that an append to a value cannot overwrite its neighbour.
	e := Element{Tag: tag, Value: in[head:end:end], Raw: in[:end:end]}
	return e, in[end:], nil
}

// parseLength reads a length field of one to five bytes. It need not be the shortest possible: real
// cards send '82 00 92'.
func parseLength(b []byte) (length, n int, reason string) {
	if len(b) == 0 {
		return 0, 0, "no length"
	}
	if b[0] < 0x80 {
		return int(b[0]), 1, ""
	}
	if b[0] == 0x80 {
		return 0, 0, "indefinite length"
	}
	count := int(b[0] & 0x7F)
	if count > 4 {
		return 0, 0, "length field too long"
	}
	if len(b) < 1+count {
		return 0, 0, "length cut short"
	}
	var v uint64
	for _, c := range b[1 : 1+count] {
		v = v<<8 | uint64(c)
	}
	if v > 1<<24 {
		return 0, 0, "value too long"
	}
	return int(v), 1 + count, ""
}
