package tap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// Errors of data that the card gave.
var (
	ErrMalformed = errors.New("tap: malformed data")
	ErrTwice     = errors.New("tap: a data object came twice")
)

// Objects are the data objects of one activation: the card's, the terminal's and the payment's, and the
// kernel's own. The card can write none that is not its own, or it could choose its amount.
type Objects struct {
	a       *Activation
	own     map[tlv.Tag][]byte // of the kernel; a nil value is one that the card must not give
	card    map[tlv.Tag][]byte
	answers [][]byte // of the card, which values are parts of; for Wipe
}

// NewObjects returns the objects of an activation. The tags are those the kernel writes, besides the
// terminal's and the payment's that are known here; the card cannot, even while they have no value.
func NewObjects(a *Activation, tags ...tlv.Tag) *Objects {
	o := &Objects{a: a, own: make(map[tlv.Tag][]byte, 28), card: make(map[tlv.Tag][]byte, 28)} // about as many as a tap has
	for _, tag := range tags {
		o.own[tag] = nil
	}
	for _, tag := range []tlv.Tag{0x8A, 0x91, 0x71, 0x72, 0x95, 0x9B, 0x9F34, 0x98, 0x9F1B, 0x9F1D, 0x9F5B, 0x9F66, 0x9F09} {
		o.own[tag] = nil
	}
	if a.Indicators.HasTTQ {
		ttq := a.Indicators.TTQ
		if a.Params.NoOnlinePIN {
			ttq[0] &^= ttqOnlinePIN
		}
		o.own[0x9F66] = ttq[:]
	}
	t := &a.Config.Terminal
	o.own[0x84] = a.AID
	o.own[0x9F06] = a.AID
	o.own[0x9F1A] = emvkernel.CountryObject(t.Country)
	capabilities := t.Capabilities
	capabilities[1] &^= canOfflinePIN // there is no way to give a tapped card a PIN
	if a.Params.NoOnlinePIN {
		capabilities[1] &^= canOnlinePIN
	}
	o.own[0x9F33] = capabilities[:]
	additional, number := t.AdditionalCapabilities, a.Params.UnpredictableNumber
	o.own[0x9F40] = additional[:]
	o.own[0x9F37] = number[:]
	o.own[0x9F39] = []byte{0x07} // contactless chip
	return o
}

// Bits of the terminal capabilities '9F33', byte 2 (EMV Book 4, Annex A2), and of the TTQ '9F66', byte 1
// (Book A, 5.7 [unverified]).
const (
	canOfflinePIN = 0x80 | 0x10 // plaintext, enciphered
	canOnlinePIN  = 0x40
	ttqOnlinePIN  = 0x04
)

// Get returns a data object, nil for none. It is the memory of the objects; only what the card gave may be changed.
func (o *Objects) Get(tag tlv.Tag) []byte {
	if v, own := o.own[tag]; own {
		return v
	}
	if v, own := emvkernel.TerminalObject(&o.a.Config.Terminal, &o.a.Params, tag); own {
		return v
	}
	return o.card[tag]
}

// Has reports whether there is a value, even an empty one.
func (o *Objects) Has(tag tlv.Tag) bool { return o.Get(tag) != nil }

// Set gives a data object of the kernel a value. The value is not copied.
func (o *Objects) Set(tag tlv.Tag, value ...byte) { o.own[tag] = value }

// Release lets the card give a data object that NewObjects kept from it: a tag may mean something else to a kernel.
// What is the payment's (emvkernel.TerminalObject) stays so.
func (o *Objects) Release(tag tlv.Tag) { delete(o.own, tag) }

// Owned reports whether the card may not give the data object.
func (o *Objects) Owned(tag tlv.Tag) bool {
	if _, own := o.own[tag]; own {
		return true
	}
	_, own := emvkernel.TerminalObject(&o.a.Config.Terminal, &o.a.Params, tag)
	return own
}

// FromCard keeps a primitive data object of the card. One that the card may not give is passed over, one
// that it gave before is ErrTwice.
func (o *Objects) FromCard(e tlv.Element) error {
	if e.Tag.Constructed() || o.Owned(e.Tag) {
		return nil
	}
	if _, have := o.card[e.Tag]; have {
		return fmt.Errorf("%w: %s", ErrTwice, e.Tag)
	}
	value := e.Value
	if value == nil {
		value = []byte{}
	}
	o.card[e.Tag] = value
	return nil
}

// FromTemplate keeps the data objects of one template, which must be all there is in data. Data is the memory of the
// objects from now on, and wiped with them, also where it was malformed.
func (o *Objects) FromTemplate(data []byte, template tlv.Tag) error {
	o.answers = append(o.answers, data)
	return o.fill(data, template)
}

func (o *Objects) fill(data []byte, template tlv.Tag) error {
	e, rest, err := tlv.ParseOne(data)
	if err != nil || e.Tag != template || len(rest) != 0 {
		return fmt.Errorf("%w: not one template %s", ErrMalformed, template)
	}
	for e, err := range tlv.All(e.Value) {
		if err != nil {
			return fmt.Errorf("%w: in template %s", ErrMalformed, template)
		}
		if err := o.FromCard(e); err != nil {
			return err
		}
	}
	return nil
}

// ReadRecords reads the files of the locator, each record once and in its order, and keeps what is in them;
// signed records go to static. An error wraps ErrMalformed, ErrTwice, an apdu.SW or what Link.Send returns.
func (o *Objects) ReadRecords(ctx context.Context, link *Link, files []apdu.File, static *oda.StaticData) error {
	for _, f := range files {
		for n := int(f.First); n <= int(f.Last); n++ {
			resp, err := link.Send(ctx, apdu.ReadRecord(f.SFI, byte(n)))
			if err != nil {
				return err
			}
			o.answers = append(o.answers, resp.Data)
			if resp.SW != apdu.OK {
				return fmt.Errorf("tap: READ RECORD %d of file %d: %w", n, f.SFI, resp.SW)
			}
			if n-int(f.First) < int(f.Signed) {
				static.AddRecord(f.SFI, resp.Data)
			}
			if f.SFI > 10 {
				continue // a payment system's or the issuer's own file: signed perhaps, not interpreted
			}
			if err := o.fill(resp.Data, 0x70); err != nil {
				return fmt.Errorf("record %d of file %d: %w", n, f.SFI, err)
			}
		}
	}
	return nil
}

// Chain is the card's way to its keys.
func (o *Objects) Chain() oda.Chain {
	return oda.Chain{Get: o.Get, RID: o.a.AID[:5], Keys: o.a.Config.CAKeys, Revoked: o.a.Config.Revoked, On: o.a.Params.Time}
}

// Wipe overwrites what the card gave, also what was not kept of its answers.
func (o *Objects) Wipe() {
	for _, v := range o.card {
		clear(v)
	}
	for _, answer := range o.answers {
		clear(answer)
	}
	o.card, o.answers = map[tlv.Tag][]byte{}, nil
}

// Format keeps fmt away from the fields, which hold card data; those of a copy too.
func (o Objects) Format(f fmt.State, _ rune) { io.WriteString(f, "tap.Objects") }

// LogValue keeps loggers away from the fields.
func (o Objects) LogValue() slog.Value { return slog.StringValue("tap.Objects") }
