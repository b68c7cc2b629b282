package emvkernel

import (
	"errors"
	"fmt"

	"smartreader/emvkernel/tlv"
)

var errTemplate = errors.New("emvkernel: unexpected template")

// fci is what the kernel uses of the file control information of a directory or application
// (EMV Book 1, 11.3.4). Issuer discretionary data ('BF0C') must be well-formed and is not used.
type fci struct {
	name        []byte        // '84'
	proprietary []tlv.Element // content of 'A5'
}

// parseFCI wants the name and is content without the proprietary template: an application can be used
// without a label and without a PDOL, and a directory without its file number is not usable anyway.
// Mandatory as the template is, no public source refuses a card for it [unverified].
func parseFCI(data []byte) (fci, error) {
	if err := wellFormed(data); err != nil {
		return fci{}, err
	}
	fields, err := parseTemplate(data, 0x6F)
	if err != nil {
		return fci{}, err
	}
	name, ok := tlv.Find(fields, 0x84)
	if !ok || len(name.Value) < 5 || len(name.Value) > 16 {
		return fci{}, fmt.Errorf("%w: no DF name", errTemplate)
	}
	f := fci{name: name.Value}
	if a5, ok := tlv.Find(fields, 0xA5); ok {
		f.proprietary, err = a5.Children()
	}
	return f, err
}

// wellFormed checks data objects and what is in their templates, however deep.
func wellFormed(data []byte) error {
	return tlv.Walk(data, func(int, tlv.Element) error { return nil })
}

// parseTemplate decodes data that must be exactly one template with the tag and returns its content.
func parseTemplate(data []byte, tag tlv.Tag) ([]tlv.Element, error) {
	e, rest, err := tlv.ParseOne(data)
	if err != nil {
		return nil, err
	}
	if e.Tag != tag || len(rest) != 0 {
		return nil, fmt.Errorf("%w: want one %s", errTemplate, tag)
	}
	return e.Children()
}

// appLabel is how an application is called.
type appLabel struct {
	label     string // '50'
	preferred string // '9F12', when its alphabet is known
}

// readLabel reads the names of an application. The preferred name is in the alphabet table names; one in
// an alphabet the terminal cannot show is left out rather than shown wrong (EMV Book 4, 11.3
// [unverified]).
func readLabel(fields []tlv.Element, table []byte, capabilities [5]byte) appLabel {
	var l appLabel
	if e, ok := tlv.Find(fields, 0x50); ok {
		l.label = common(e.Value)
	}
	if e, ok := tlv.Find(fields, 0x9F12); ok {
		if alphabet := codeTable(table, capabilities); alphabet != nil {
			l.preferred = inTable(alphabet, e.Value)
		}
	}
	return l
}

// display is what the cardholder is shown: the preferred name, the label, or at least the AID.
func (c *candidate) display() string {
	switch {
	case c.label.preferred != "":
		return c.label.preferred
	case c.label.label != "":
		return c.label.label
	default:
		return fmt.Sprintf("%X", c.name)
	}
}
