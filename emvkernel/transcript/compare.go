package transcript

import (
	"bytes"
	"fmt"
	"strings"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// follows lists the data objects that depend on whether the card was authenticated, and how its cardholder
// was verified, which needs the same keys: results, numbers the card signed, and what is hashed over them.
var follows = map[tlv.Tag]bool{0x95: true, 0x9B: true, 0x9F34: true, 0x98: true, 0x8A: true, 0x9F4C: true, 0x9F45: true}

// compare says in words where a command differs from the recorded one.
func (p *Player) compare(sent, recorded []byte) error {
	if bytes.Equal(sent, recorded) {
		return nil
	}
	mismatch := func(format string, args ...any) error {
		return &Mismatch{p.number, fmt.Sprintf(format, args...), false}
	}
	a, err1 := apdu.ParseCommand(sent)
	b, err2 := apdu.ParseCommand(recorded)
	if err1 != nil || err2 != nil || a.CLA != b.CLA || a.INS != b.INS {
		return &Mismatch{p.number, apdu.Name(sent) + ", in the transcript " + apdu.Name(recorded), true}
	}
	name := apdu.Name(sent)
	if a.P1 != b.P1 || a.P2 != b.P2 {
		if !p.t.Redacted || a.INS != apdu.INSGenerateAC || a.P2 != b.P2 {
			return mismatch("%s, in the transcript %s", name, apdu.Name(recorded))
		}
		if (a.P1^b.P1)&0xC0 != 0 {
			return &Parted{p.number, name + ", in the transcript " + apdu.Name(recorded)}
		}
	}
	if a.Le != b.Le {
		return mismatch("%s: another Le", name)
	}
	dol, theirs, ok := p.dols.dolOf(b)
	_, ours, fits := p.dols.dolOf(a)
	if dol == nil || !ok || !fits {
		if bytes.Equal(a.Data, b.Data) {
			return nil
		}
		if a.INS == apdu.INSSelect {
			return mismatch("%s: %s, in the transcript %s", name, selected(a.Data), selected(b.Data))
		}
		return mismatch("%s: other data (%d bytes, in the transcript %d)", name, len(a.Data), len(b.Data))
	}
	for _, item := range dol {
		x, y := ours[:item.Length], theirs[:item.Length]
		ours, theirs = ours[item.Length:], theirs[item.Length:]
		switch {
		case bytes.Equal(x, y):
		case p.t.Redacted && (follows[item.Tag] || item.Tag.Sensitive() || freeForm(item.Tag)):
		case item.Tag.Sensitive(), freeForm(item.Tag), len(x) > 6:
			return mismatch("%s: %s %s differs", name, item.Tag, item.Tag.Name())
		default:
			return mismatch("%s: %s %s is %X, in the transcript %X", name, item.Tag, item.Tag.Name(), x, y)
		}
	}
	return nil
}

// maxAID is the longest name of an application.
const maxAID = 16

// selected is what SELECT names: the directory in words, or an AID. A card could call anything an AID: what may
// be a card number is masked.
func selected(name []byte) string {
	text := string(name)
	switch {
	case strings.HasSuffix(text, ".DDF01") && oneLine(text) == text:
		return text
	case len(name) > maxAID:
		return fmt.Sprintf("%d bytes", len(name))
	}
	shown := bytes.Clone(name)
	maskRuns(shown)
	return fmt.Sprintf("%X", shown)
}
