package emvtest

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// desk is a terminal without rules: just enough to bring a card to any point of a transaction.
type desk struct {
	t      *testing.T
	card   *Card
	values map[tlv.Tag][]byte // the terminal's data
	read   map[tlv.Tag][]byte // the card's data
}

func newDesk(t *testing.T, p *Profile, state *State) *desk {
	t.Helper()
	return &desk{t: t, card: NewCard(p, state), read: map[tlv.Tag][]byte{}, values: terminalValues()}
}

func terminalValues() map[tlv.Tag][]byte {
	return map[tlv.Tag][]byte{
		0x9F02: {0, 0, 0, 0, 0x12, 0x50}, 0x9F03: make([]byte, 6),
		0x9F1A: {0x08, 0x40}, 0x95: {0, 0, 0, 0x80, 0}, 0x5F2A: {0x08, 0x40},
		0x9A: {0x26, 0x03, 0x04}, 0x9C: {0}, 0x9F37: {0xDE, 0xAD, 0xBE, 0xEF},
		0x9F33: {0x20, 0x28, 0xC8}, 0x8A: []byte("00"),
	}
}

func load(t *testing.T, name string) *Profile {
	t.Helper()
	p, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parse(t *testing.T, text string) *Profile {
	t.Helper()
	p, err := ParseProfile(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// raw sends bytes and returns data and status word.
func (d *desk) raw(command ...byte) ([]byte, apdu.SW) {
	d.t.Helper()
	out, err := d.card.Exchange(context.Background(), command)
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := apdu.ParseResponse(out)
	if err != nil {
		d.t.Fatal(err)
	}
	return r.Data, r.SW
}

func (d *desk) send(cmd apdu.Command) ([]byte, apdu.SW) {
	d.t.Helper()
	b, err := cmd.Bytes()
	if err != nil {
		d.t.Fatal(err)
	}
	return d.raw(b...)
}

func (d *desk) must(cmd apdu.Command) []byte {
	d.t.Helper()
	data, sw := d.send(cmd)
	if sw != apdu.OK {
		d.t.Fatalf("%v: %v", cmd, sw)
	}
	return data
}

// want sends a command that must be answered with a status word.
func (d *desk) want(cmd apdu.Command, want apdu.SW) {
	d.t.Helper()
	if _, sw := d.send(cmd); sw != want {
		d.t.Errorf("%v: status word %04X, want %04X", cmd, uint16(sw), uint16(want))
	}
}

func (d *desk) app() *personalised { return d.card.session.app }

// selectFirst selects the card's first application by its full name.
func (d *desk) selectFirst() {
	d.t.Helper()
	d.must(apdu.Select(d.card.applications[0].aid, false))
}

func (d *desk) dol(dol tlv.DOL) []byte {
	return dol.Build(func(tag tlv.Tag) []byte { return d.values[tag] })
}

// begin selects the first application, starts it and reads its records.
func (d *desk) begin() {
	d.t.Helper()
	d.selectFirst()
	d.must(apdu.GetProcessingOptions(d.dol(d.app().pdol)))
	for afl := d.app().afl; len(afl) > 0; afl = afl[4:] {
		for n := afl[1]; n <= afl[2]; n++ {
			e, _, err := tlv.ParseOne(d.must(apdu.ReadRecord(afl[0]>>3, n)))
			if err != nil {
				d.t.Fatal(err)
			}
			elements, err := e.Children()
			if err != nil {
				d.t.Fatal(err)
			}
			for _, e := range elements {
				d.read[e.Tag] = e.Value
			}
		}
	}
}

// generate asks for a cryptogram and takes the answer apart; second says which data it wants.
func (d *desk) generate(p1 byte, second bool) map[tlv.Tag][]byte {
	d.t.Helper()
	dol := d.app().cdol1
	if second {
		dol = d.app().cdol2
	}
	e, _, err := tlv.ParseOne(d.must(apdu.GenerateAC(p1, d.dol(dol))))
	if err != nil {
		d.t.Fatal(err)
	}
	if e.Tag == 0x80 {
		v := e.Value
		return map[tlv.Tag][]byte{0x9F27: v[:1], 0x9F36: v[1:3], 0x9F26: v[3:11], 0x9F10: v[11:]}
	}
	elements, err := e.Children()
	if err != nil {
		d.t.Fatal(err)
	}
	out := map[tlv.Tag][]byte{}
	for _, e := range elements {
		out[e.Tag] = e.Value
	}
	return out
}

// payment is what the kernel's ACData would hold after a first GENERATE AC.
func (d *desk) payment(answer map[tlv.Tag][]byte) map[tlv.Tag][]byte {
	out := map[tlv.Tag][]byte{0x82: d.app().aip[:]}
	for _, item := range cryptogramTags {
		out[item.Tag] = d.values[item.Tag]
	}
	for _, tag := range []tlv.Tag{0x5A, 0x57, 0x5F34, 0x5F24} {
		out[tag] = d.read[tag]
	}
	for tag, value := range answer {
		out[tag] = value
	}
	return out
}

func encode(values map[tlv.Tag][]byte) []byte {
	var out []byte
	for tag, value := range values {
		out = tlv.Append(out, tag, value...)
	}
	return out
}

// altered returns values with one byte of a tag changed.
func altered(values map[tlv.Tag][]byte, tag tlv.Tag, i int) map[tlv.Tag][]byte {
	out := maps.Clone(values)
	out[tag] = bytes.Clone(out[tag])
	out[tag][i] ^= 0x01
	return out
}
