package entry

import (
	"errors"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Tags of directory and application (EMV Book 1, 11.3.4 and 12.2.3; Book B, Table 3-2 [unverified]).
const (
	tagFCI           tlv.Tag = 0x6F
	tagName          tlv.Tag = 0x84
	tagProprietary   tlv.Tag = 0xA5
	tagDiscretionary tlv.Tag = 0xBF0C
	tagEntry         tlv.Tag = 0x61
	tagADFName       tlv.Tag = 0x4F
	tagPriority      tlv.Tag = 0x87
	tagExtension     tlv.Tag = 0x9F29
	tagKernelID      tlv.Tag = 0x9F2A
	tagLanguages     tlv.Tag = 0x5F2D
	tagPDOL          tlv.Tag = 0x9F38
)

var errFCI = errors.New("entry: not a file control information")

// directoryEntry is an application of the card's directory. Its bytes are those of the card's answer.
type directoryEntry struct {
	name      []byte // '4F', 5 to 16 bytes
	priority  byte   // low digit of '87'; 0: none. That the cardholder's consent is wanted is not looked at: a card held to the reader is consent.
	kernel    []byte // '9F2A'; empty: none
	extension []byte // '9F29'; empty: none
}

// parseDirectory returns the entries of the directory's FCI that can be used, in its order. One that is
// malformed is passed over, the others count (Book B, 3.3.2.4 and 3.3.2.5 A). A directory that names another
// file, or is malformed itself, is an error; one without entries is an empty list.
func parseDirectory(data []byte) ([]directoryEntry, error) {
	fields, err := template(data, tagFCI)
	if err != nil {
		return nil, err
	}
	if name, ok := tlv.Find(fields, tagName); ok && string(name.Value) != apdu.PPSE {
		return nil, errFCI
	}
	for _, tag := range []tlv.Tag{tagProprietary, tagDiscretionary} {
		inner, ok := tlv.Find(fields, tag)
		if !ok {
			return nil, nil
		}
		if fields, err = inner.Children(); err != nil {
			return nil, err
		}
	}
	var list []directoryEntry
	for _, f := range fields {
		if f.Tag != tagEntry {
			continue
		}
		if e, ok := parseEntry(f.Value); ok {
			list = append(list, e)
		}
	}
	return list, nil
}

func parseEntry(data []byte) (e directoryEntry, ok bool) {
	fields, err := tlv.Parse(data)
	if err != nil {
		return e, false
	}
	name, _ := tlv.Find(fields, tagADFName)
	priority, _ := tlv.Find(fields, tagPriority)
	kernel, _ := tlv.Find(fields, tagKernelID)
	extension, _ := tlv.Find(fields, tagExtension)
	e = directoryEntry{name: name.Value, kernel: kernel.Value, extension: extension.Value}
	if len(priority.Value) == 1 {
		e.priority = priority.Value[0] & 0x0F
	}
	ok = len(e.name) >= 5 && len(e.name) <= 16 &&
		len(priority.Value) <= 1 && len(e.kernel) <= 8 && len(e.extension) <= 16
	return e, ok
}

// application is what Entry Point wants to know of a selected application's FCI.
type application struct {
	name      []byte // '84'
	languages string // '5F2D', as tap.UIRequest has it
	pdol      tlv.DOL
}

// parseApplication decodes the FCI of an application. Its name must be there; what else is in it is the
// kernel's to judge, only a PDOL that is none makes it useless.
func parseApplication(data []byte) (app application, err error) {
	fields, err := template(data, tagFCI)
	if err != nil {
		return app, err
	}
	name, ok := tlv.Find(fields, tagName)
	if !ok || len(name.Value) < 5 || len(name.Value) > 16 {
		return app, errFCI
	}
	app.name = name.Value
	proprietary, ok := tlv.Find(fields, tagProprietary)
	if !ok {
		return app, nil
	}
	if fields, err = proprietary.Children(); err != nil {
		return app, err
	}
	if preference, ok := tlv.Find(fields, tagLanguages); ok {
		app.languages = emvkernel.Languages(preference.Value)
	}
	if pdol, ok := tlv.Find(fields, tagPDOL); ok {
		app.pdol, err = tlv.ParseDOL(pdol.Value)
	}
	return app, err
}

// template decodes data that must be exactly one template with the tag.
func template(data []byte, tag tlv.Tag) ([]tlv.Element, error) {
	e, rest, err := tlv.ParseOne(data)
	if err != nil {
		return nil, err
	}
	if e.Tag != tag || len(rest) != 0 {
		return nil, errFCI
	}
	return e.Children()
}
