package emvtest

import (
	"bytes"

	"golang.org/x/text/encoding/charmap"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

var pseName = []byte("1PAY.SYS.DDF01")

const pseDirectory = 1 // SFI of the directory file

// selectFile answers SELECT by name (EMV Book 1, "SELECT Command-Response APDUs"): the PSE by its whole
// name, an application by its name or the beginning of it.
func (c *Card) selectFile(cmd apdu.Command) apdu.Response {
	switch {
	case c.profile.blocked:
		return status(apdu.FunctionNotSupported)
	case cmd.P1 != 0x04 || cmd.P2 != 0x00 && cmd.P2 != 0x02:
		return status(apdu.WrongP1P2)
	case len(cmd.Data) < 5 || len(cmd.Data) > 16:
		return status(apdu.WrongLength)
	}
	name, next := cmd.Data, cmd.P2 == 0x02
	if bytes.Equal(name, pseName) && c.profile.pse {
		c.session = session{pse: true}
		return success(c.pseInformation())
	}
	start := 0
	if next && c.session.app != nil && bytes.Equal(c.session.matched, name) {
		start = c.session.position + 1
	}
	for i := start; i < len(c.applications); i++ {
		app := c.applications[i]
		if !bytes.HasPrefix(app.aid, name) {
			continue
		}
		c.session = session{matched: bytes.Clone(name), position: i, app: app}
		r := success(app.fileControlInformation())
		if app.blocked {
			r.SW = apdu.FileInvalidated
		}
		return r
	}
	// What was selected stays selected (ISO/IEC 7816-4).
	return status(apdu.FileNotFound)
}

func (c *Card) pseInformation() []byte {
	inner := tlv.Append(nil, 0x88, pseDirectory)
	inner = tlv.Append(inner, 0x5F2D, []byte(c.applications[0].language)...)
	outer := tlv.Append(nil, 0x84, pseName...)
	return tlv.Append(nil, 0x6F, tlv.Append(outer, 0xA5, inner...)...)
}

// directory makes the records of the PSE's directory (EMV Book 1, "Coding of a Payment System Directory").
func (c *Card) directory() [][]byte {
	var entries [][]byte
	for _, app := range c.applications {
		entries = append(entries, tlv.Append(nil, 0x61, app.directoryEntry()...))
	}
	if c.profile.oneRecord {
		entries = [][]byte{bytes.Join(entries, nil)}
	}
	for i, entry := range entries {
		entries[i] = tlv.Append(nil, 0x70, entry...)
	}
	return entries
}

func (a *application) directoryEntry() []byte {
	entry := a.object(nil, 0x4F, a.aid...)
	entry = a.object(entry, 0x50, []byte(a.label)...)
	if name, _ := a.preferredName(); len(name) > 0 {
		entry = a.object(entry, 0x9F12, name...)
	}
	entry = append(entry, a.priorityIndicator()...)
	if len(a.discretionary) > 0 {
		entry = a.object(entry, 0x73, a.discretionary...)
	}
	return entry
}

// preferredName is '9F12' as stored: in the part of ISO/IEC 8859 that '9F11' names.
func (a *application) preferredName() (name []byte, ok bool) {
	name, err := codeTables[a.codeTable].NewEncoder().Bytes([]byte(a.preferred))
	return name, err == nil
}

// codeTables are the parts of ISO/IEC 8859 by their number (EMV Book 4, Annex B).
var codeTables = map[byte]*charmap.Charmap{
	1: charmap.ISO8859_1, 2: charmap.ISO8859_2, 3: charmap.ISO8859_3, 4: charmap.ISO8859_4, 5: charmap.ISO8859_5,
	6: charmap.ISO8859_6, 7: charmap.ISO8859_7, 8: charmap.ISO8859_8, 9: charmap.ISO8859_9, 10: charmap.ISO8859_10,
}

func (a *application) priorityIndicator() []byte {
	b := a.priority
	if a.confirm {
		b |= 0x80
	}
	if b == 0 {
		return nil
	}
	return a.object(nil, 0x87, b)
}

func (a *application) fileControlInformation() []byte {
	inner := a.object(nil, 0x50, []byte(a.label)...)
	inner = append(inner, a.priorityIndicator()...)
	if len(a.pdol) > 0 {
		inner = a.object(inner, 0x9F38, a.pdol.Bytes()...)
	}
	inner = a.object(inner, 0x5F2D, []byte(a.language)...)
	if name, _ := a.preferredName(); len(name) > 0 {
		inner = a.object(inner, 0x9F11, a.codeTable)
		inner = a.object(inner, 0x9F12, name...)
	}
	if len(a.discretionary) > 0 {
		inner = a.object(inner, 0xBF0C, a.discretionary...)
	}
	outer := a.object(nil, 0x84, a.aid...)
	return a.cut(faultMalformedFCI, a.object(nil, 0x6F, a.object(outer, 0xA5, inner...)...), 1)
}

// readRecord answers READ RECORD (EMV Book 3, 6.5.11): the PSE's directory, or after GET PROCESSING
// OPTIONS a record of the application.
func (c *Card) readRecord(cmd apdu.Command) apdu.Response {
	sfi := cmd.P2 >> 3
	switch {
	case len(cmd.Data) > 0:
		return status(apdu.WrongLength)
	case cmd.P2&0x07 != 0x04 || sfi == 0 || sfi == 31:
		return status(apdu.WrongP1P2)
	}
	if c.session.pse {
		if sfi != pseDirectory {
			return status(apdu.FileNotFound)
		}
		records := c.directory()
		if cmd.P1 == 0 || int(cmd.P1) > len(records) {
			return status(apdu.RecordNotFound)
		}
		return success(records[cmd.P1-1])
	}
	if !c.session.initiated {
		return status(apdu.ConditionsOfUse)
	}
	if sfi == sfiDynamic && cmd.P1 == 1 && c.session.dynamic != nil {
		return success(bytes.Clone(c.session.dynamic))
	}
	record, ok := c.session.app.records[recordID{sfi, cmd.P1}]
	if ok {
		return success(bytes.Clone(record))
	}
	for id := range c.session.app.records {
		if id.sfi == sfi {
			return status(apdu.RecordNotFound)
		}
	}
	return status(apdu.FileNotFound)
}
