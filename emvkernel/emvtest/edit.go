package emvtest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"smartreader/emvkernel/tlv"
)

// edit is what a profile changes about one data object of the card, wherever the card gives it.
type edit struct {
	way   editWay
	tag   tlv.Tag
	value []byte // of replace and add
}

type editWay string

const (
	editOmit    editWay = "omit"    // the card does not give it
	editRepeat  editWay = "repeat"  // the card gives it twice in a row
	editReplace editWay = "replace" // it has another value
	editAdd     editWay = "add"     // one more object in an unsigned record
)

// maxEditBytes keeps answers within one APDU.
const maxEditBytes = 32

// object appends a data object as the card gives it: usually once, with the value it should have.
func (a *application) object(out []byte, tag tlv.Tag, value ...byte) []byte {
	if a.edited(editOmit, tag) != nil {
		return out
	}
	value = a.value(tag, value)
	out = tlv.Append(out, tag, value...)
	if a.edited(editRepeat, tag) != nil {
		out = tlv.Append(out, tag, value...)
	}
	return out
}

// value returns what the card says a data object is; nothing if the card leaves it out, which is how it
// looks in an answer that has no tags (format 1).
func (a *application) value(tag tlv.Tag, value []byte) []byte {
	if a.edited(editOmit, tag) != nil {
		return nil
	}
	if e := a.edited(editReplace, tag); e != nil {
		return e.value
	}
	return value
}

func (a *application) edited(way editWay, tag tlv.Tag) *edit {
	for i := range a.edits {
		if e := &a.edits[i]; e.way == way && e.tag == tag {
			return e
		}
	}
	return nil
}

// gives reports whether the card would give a data object were it not for the edits.
func (a *application) gives(tag tlv.Tag) bool {
	plain := *a
	plain.edits, plain.faults = nil, nil
	for _, content := range [][]byte{
		plain.fileControlInformation(), plain.directoryEntry(),
		plain.trackRecord(), plain.signedRecord(), plain.riskRecord(),
	} {
		if holds(content, tag) {
			return true
		}
	}
	switch tag {
	case 0x82, 0x94, 0x9F27, 0x9F36, 0x9F10:
		return true
	case 0x9F26:
		return a.oda != "cda" // there it is inside the signature
	case 0x8F, 0x90, 0x9F32:
		return certified.met(a)
	case 0x92:
		return issuerRemainder.met(a)
	case 0x93:
		return static.met(a)
	case 0x9F46, 0x9F47, 0x9F4B:
		return a.signs()
	case 0x9F48:
		return iccRemainder.met(a)
	case 0x9F2D, 0x9F2E:
		return a.ownPINKey
	case 0x9F2F:
		return pinRemainder.met(a)
	}
	return a.tapGives(tag)
}

// holds looks for a tag in data objects and, where they are constructed, inside them.
func holds(content []byte, tag tlv.Tag) bool {
	list, err := tlv.Parse(content)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(list, func(e tlv.Element) bool {
		return e.Tag == tag || e.Tag.Constructed() && holds(e.Value, tag)
	})
}

// long data objects fill an answer: a second one does not fit.
var long = []tlv.Tag{0x90, 0x93, 0x9F46, 0x9F2D, 0x9F4B, 0x6F, 0x61}

// withoutTags are what an answer in format 1 consists of.
var withoutTags = []tlv.Tag{0x82, 0x94, 0x9F27, 0x9F36, 0x9F26, 0x9F10, 0x9F4B}

// checkEdits refuses an edit that would not show.
func (a *application) checkEdits() error {
	for i, e := range a.edits {
		for _, other := range a.edits[:i] {
			if other.tag == e.tag {
				return fmt.Errorf("%s %s: the profile changes this data object twice; remove one", e.way, e.tag)
			}
		}
		switch {
		case e.way == editAdd && a.gives(e.tag):
			return fmt.Errorf("add %s: the card has this data object already; write \"replace\" or \"repeat\"", e.tag)
		case e.way != editAdd && !a.gives(e.tag):
			return fmt.Errorf("%s %s: this card does not have the data object; remove the line or write another tag", e.way, e.tag)
		case e.way == editRepeat && slices.Contains(long, e.tag):
			return fmt.Errorf("repeat %s: two do not fit into one answer; write \"replace\" or \"omit\"", e.tag)
		case e.way == editRepeat && a.format == 0x80 && slices.Contains(withoutTags, e.tag):
			return fmt.Errorf("repeat %s: answers in format 80 have no tags; write \"format 77\"", e.tag)
		}
	}
	return nil
}

// tagListSetting is omit or repeat: tags, on as many lines as one likes.
func tagListSetting(way editWay) setting {
	return setting{
		word: string(way), repeats: true,
		app: func(a *application, value string, _ bool) error {
			for _, word := range strings.Fields(value) {
				tag, ok := parseTag(word)
				if !ok {
					return fmt.Errorf("%s %q is not valid; write tags such as 5F24", way, value)
				}
				a.edits = append(a.edits, edit{way: way, tag: tag})
			}
			return nil
		},
		appText: func(a *application) []string {
			var words []string
			for _, e := range a.edits {
				if e.way == way {
					words = append(words, e.tag.String())
				}
			}
			if words == nil {
				return nil
			}
			return []string{strings.Join(words, " ")}
		},
	}
}

// tagValueSetting is replace or add: one tag and its value on a line.
func tagValueSetting(way editWay) setting {
	return setting{
		word: string(way), repeats: true,
		app: func(a *application, value string, _ bool) error {
			word, digits, _ := strings.Cut(value, " ")
			tag, ok := parseTag(word)
			b, err := hex.DecodeString(strings.TrimSpace(digits))
			if digits == "empty" {
				b, err = []byte{}, nil
			} else if len(b) == 0 {
				ok = false
			}
			if !ok || err != nil || len(b) > maxEditBytes {
				// What was written may be a card number.
				return fmt.Errorf("%s is not valid; write a tag and up to %d bytes in hexadecimal, or empty: %s 9F4A 8284",
					way, maxEditBytes, way)
			}
			a.edits = append(a.edits, edit{way, tag, b})
			return nil
		},
		appText: func(a *application) []string {
			var lines []string
			for _, e := range a.edits {
				switch {
				case e.way != way:
				case len(e.value) == 0:
					lines = append(lines, e.tag.String()+" empty")
				default:
					lines = append(lines, fmt.Sprintf("%s %X", e.tag, e.value))
				}
			}
			return lines
		},
	}
}

func parseTag(s string) (tlv.Tag, bool) {
	tag, err := strconv.ParseUint(s, 16, 24)
	return tlv.Tag(tag), err == nil && tlv.Tag(tag).Valid()
}

// sortEdits brings the edits into the order Text writes them in.
func (a *application) sortEdits() {
	order := []editWay{editOmit, editRepeat, editReplace, editAdd}
	slices.SortStableFunc(a.edits, func(x, y edit) int {
		return slices.Index(order, x.way) - slices.Index(order, y.way)
	})
}
