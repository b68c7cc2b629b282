package tap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Facts are what a kernel knows of a card besides its data objects.
type Facts struct {
	TVR    emvkernel.TVR
	TSI    emvkernel.TSI
	CVM    CVM
	Method string // of card authentication: "CDA", "fDDA"; "none"
	// Authenticated says that the card proved to be genuine in this tap.
	Authenticated bool
	// MagneticStripe says that the tap gave a dynamic magnetic stripe (no chip's cryptogram).
	MagneticStripe bool
	Device         string // form factor in one word, such as "card", "phone", "watch"; empty: not known
}

// Reading is what a tap taught of a card, with the methods of emvkernel.Transaction that a payment asks
// after the card was read. It is wiped by whoever got the Outcome.
type Reading struct {
	card    emvkernel.CardData
	facts   Facts
	data    emvkernel.Secret // the data set of the cryptogram
	all     emvkernel.Secret
	kind    byte // upper bits of '9F27'
	receipt emvkernel.Receipt
	tokenID string
}

// NewReading copies what a kernel has learned. Ok is false when the card gives no account number, or one that
// its track contradicts: nobody can be asked about it, so there is no payment.
func NewReading(o *Objects, f Facts) (r *Reading, ok bool) {
	app := emvkernel.Application{Brand: o.a.Combination.Brand}
	card, ok := emvkernel.CardDataOf(o.Get, &app, &o.a.Config.Terminal)
	if !ok {
		return nil, false
	}
	o.Set(0x95, f.TVR[:]...)
	o.Set(0x9B, f.TSI[:]...)
	r = &Reading{
		card: card, facts: f, data: emvkernel.DataSet(o.Get), all: o.list(),
		receipt: emvkernel.Receipt{
			AID: bytes.Clone(card.AID), Label: card.Label, PreferredName: card.PreferredName, TVR: f.TVR, TSI: f.TSI,
			Cryptogram: bytes.Clone(o.Get(0x9F26)), CVM: f.CVM.String(),
		},
	}
	if atc := o.Get(0x9F36); len(atc) == 2 {
		r.receipt.ATC = binary.BigEndian.Uint16(atc)
	}
	if cid := o.Get(0x9F27); len(cid) == 1 {
		r.kind = cid[0] & 0xC0
	}
	if id := fmt.Sprintf("%X", o.Get(0x9F19)); len(id) == 12 && id[0] == '0' && strings.Trim(id, "0123456789") == "" {
		r.tokenID = id[1:] // eleven digits behind a zero
	}
	return r, true
}

// list is all objects in the order of their tags.
func (o *Objects) list() emvkernel.Secret {
	tags := make([]tlv.Tag, 0, len(o.card)+len(o.own)+len(paymentTags))
	tags = slices.AppendSeq(tags, maps.Keys(o.card))
	tags = slices.AppendSeq(tags, maps.Keys(o.own))
	tags = append(tags, paymentTags...)
	slices.Sort(tags)
	tags = slices.Compact(tags)
	values := make([][]byte, len(tags))
	size := 0
	for i, tag := range tags {
		values[i] = o.Get(tag)
		size += 6 + len(values[i]) // growing would leave copies of the account number behind
	}
	out := make(emvkernel.Secret, 0, size)
	for i, tag := range tags {
		if len(values[i]) > 0 {
			out = tlv.Append(out, tag, values[i]...)
		}
	}
	return out
}

var paymentTags = []tlv.Tag{
	0x81, 0x9A, 0x9C, 0x5F2A, 0x5F36, 0x9F01, 0x9F02, 0x9F03, 0x9F15, 0x9F16, 0x9F1C, 0x9F1E, 0x9F21, 0x9F35, 0x9F41, 0x9F4E,
}

// Card returns what is known of the card. Its secrets are the Reading's memory and gone after Wipe.
func (r *Reading) Card() emvkernel.CardData { return r.card }

// Receipt returns what a receipt shows.
func (r *Reading) Receipt() emvkernel.Receipt { return r.receipt }

// ACData returns the data set of the card's cryptogram in the form of emvkernel.Transaction.ACData, a new
// copy each time.
func (r *Reading) ACData() emvkernel.Secret { return bytes.Clone(r.data) }

// ClearingData is ACData when the card approved (TC), else nil.
func (r *Reading) ClearingData() emvkernel.Secret {
	if r.kind != apdu.RequestTC {
		return nil
	}
	return bytes.Clone(r.data)
}

// Decision is the card's, the upper two bits of '9F27': apdu.RequestTC, RequestARQC or RequestAAC, which is also
// what a magnetic stripe has, and a card that did not say.
func (r *Reading) Decision() byte { return r.kind }

// Data returns every data object there was, for people who look at a card, as a new copy.
func (r *Reading) Data() emvkernel.Secret { return bytes.Clone(r.all) }

// Authenticated reports whether the card proved in this tap that it is genuine.
func (r *Reading) Authenticated() bool { return r.facts.Authenticated }

// AuthenticationMethod names how: "CDA", "fDDA", or "none".
func (r *Reading) AuthenticationMethod() string { return r.facts.Method }

// OnlinePINRequired reports whether the issuer wants a PIN with this payment.
func (r *Reading) OnlinePINRequired() bool { return r.facts.CVM == OnlinePIN }

// CVM returns how the cardholder is to be verified.
func (r *Reading) CVM() CVM { return r.facts.CVM }

// TVR and TSI as the kernel left them.
func (r *Reading) TVR() emvkernel.TVR { return r.facts.TVR }

// TSI is the transaction status information.
func (r *Reading) TSI() emvkernel.TSI { return r.facts.TSI }

// MagneticStripe reports whether the tap was in magnetic stripe mode.
func (r *Reading) MagneticStripe() bool { return r.facts.MagneticStripe }

// Device is the form factor in one word, empty where the card does not tell.
func (r *Reading) Device() string { return r.facts.Device }

// TokenRequestor is who had the wallet's token made ('9F19', eleven digits), empty where the card does not
// tell.
func (r *Reading) TokenRequestor() string { return r.tokenID }

// Wipe overwrites the card data.
func (r *Reading) Wipe() {
	if r == nil {
		return
	}
	for _, s := range []emvkernel.Secret{r.card.PAN, r.card.Track2, r.card.CardholderName, r.data, r.all} {
		s.Wipe()
	}
	*r = Reading{}
}

// Format keeps fmt away from the fields, which hold card data; those of a copy too.
func (r Reading) Format(f fmt.State, _ rune) { io.WriteString(f, "tap.Reading") }

// LogValue keeps loggers away from the fields.
func (r Reading) LogValue() slog.Value { return slog.StringValue("tap.Reading") }
