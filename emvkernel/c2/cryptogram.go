package c2

import (
	"bytes"
	"context"
	"errors"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// kindMask are the bits of cryptogram information data that say what the card decided.
const kindMask = 0xC0

// acAnswer is the answer to GENERATE AC or RECOVER AC.
type acAnswer struct {
	raw      []byte // all of it
	cid      byte   // '9F27'
	atc      []byte // '9F36'
	ac       []byte // '9F26'; nil when only the signature carries it
	iad      []byte // '9F10'
	sdad     []byte // '9F4B'
	phone    []byte // 'DF4B'
	elements []byte // the data objects as they were sent, but for the signature: what it covers
}

func (a *acAnswer) kind() byte { return a.cid & kindMask }

// Errors of an answer.
var (
	errACMalformed = errors.New("malformed")
	errACMissing   = errors.New("counter or cryptogram information missing")
)

// parseAC decodes format 1 ('80': CID, ATC, AC, issuer application data) or format 2 ('77': data objects).
func parseAC(data []byte) (a acAnswer, err error) {
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 {
		return a, errACMalformed
	}
	a.raw = data
	switch e.Tag {
	case 0x80:
		v := e.Value
		if len(v) < 11 || len(v) > 43 {
			return a, errACMalformed
		}
		a.cid, a.atc, a.ac = v[0], v[1:3], v[3:11]
		if len(v) > 11 {
			a.iad = v[11:]
		}
		return a, nil
	case 0x77:
	default:
		return a, errACMalformed
	}
	var cid []byte
	a.elements = make([]byte, 0, len(e.Value))
	for e, err := range tlv.All(e.Value) {
		if err != nil {
			return a, errACMalformed
		}
		if e.Tag != 0x9F4B {
			a.elements = append(a.elements, e.Raw...)
		}
		var into *[]byte
		least, most := 0, 0
		switch e.Tag {
		case 0x9F27:
			into, least, most = &cid, 1, 1
		case 0x9F36:
			into, least, most = &a.atc, 2, 2
		case 0x9F26:
			into, least, most = &a.ac, 8, 8
		case 0x9F10:
			into, least, most = &a.iad, 0, 32
		case 0x9F4B:
			into, least, most = &a.sdad, 1, 248
		case tagInteraction:
			into, least, most = &a.phone, 3, 3
		default:
			continue
		}
		if n := len(e.Value); *into != nil || n < least || n > most {
			return a, errACMalformed
		}
		*into = e.Value
	}
	if cid == nil || a.atc == nil {
		return a, errACMissing
	}
	a.cid = cid[0]
	return a, nil
}

// cryptogram recovers the cryptogram of a transaction that was torn, or asks for one (Book C-2, "Prepare
// Generate AC Command", states 9 and 10).
func (t *transaction) cryptogram(ctx context.Context) error {
	recovered, err := t.recover(ctx)
	if err != nil || recovered {
		return err
	}
	t.cdol1Data = t.cdol1.Build(t.o.Get)
	const name = "GENERATE AC"
	p1 := t.request
	if t.combined {
		p1 |= apdu.RequestCDA
	}
	resp, err := t.send(ctx, apdu.GenerateAC(p1, t.cdol1Data))
	if err != nil {
		if end, ok := errors.AsType[*ending](err); ok && end.again {
			t.tear()
		}
		return err
	}
	if resp.SW != apdu.OK {
		return refused(name, resp.SW)
	}
	return t.accept(name, resp.Data)
}

// accept keeps an answer that is well-formed and not more than was asked for.
func (t *transaction) accept(name string, data []byte) error {
	a, err := parseAC(data)
	switch {
	case errors.Is(err, errACMissing):
		return invalid(l2CardDataMissing, name+": "+err.Error())
	case err != nil:
		return malformed(name)
	}
	t.answer = a
	if height(a.kind()) > height(t.request) {
		return invalid(l2CardDataError, name+": the card answered with more than it was asked for")
	}
	t.tsi.Set(emvkernel.CardRiskPerformed)
	t.o.Set(0x9F27, a.cid)
	t.o.Set(0x9F36, bytes.Clone(a.atc)...)
	if a.iad != nil {
		t.o.Set(0x9F10, bytes.Clone(a.iad)...)
	}
	if a.phone != nil {
		t.o.Set(tagInteraction, bytes.Clone(a.phone)...)
	}
	return nil
}

// height orders what a card may decide.
func height(kind byte) int {
	switch kind {
	case apdu.RequestAAC:
		return 0
	case apdu.RequestARQC:
		return 1
	case apdu.RequestTC:
		return 2
	default:
		return 3 // reserved: more than can be asked for
	}
}
