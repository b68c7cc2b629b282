package c2

import (
	"bytes"
	"context"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Bits of the application interchange profile, '82' (Book C-2, Annex A).
const (
	aipCVM      = 0x10 // byte 1
	aipOnDevice = 0x02
	aipCDA      = 0x01
	aipEMV      = 0x80 // byte 2
	aipRelay    = 0x01
)

// options asks for the processing options (Book C-2, states 2 and 3). A card that refuses leaves the
// payment to its next application.
func (t *transaction) options(ctx context.Context) error {
	const name = "GET PROCESSING OPTIONS"
	pdol, err := tlv.ParseDOL(t.o.Get(0x9F38))
	if err != nil {
		return malformed("PDOL")
	}
	t.pdolData = pdol.Build(t.o.Get)
	resp, err := t.send(ctx, apdu.GetProcessingOptions(t.pdolData))
	if err != nil {
		return err
	}
	if resp.SW != apdu.OK {
		return next(l2StatusBytes, resp.SW, name+": "+resp.SW.String())
	}
	aip, afl, ok := parseOptions(resp.Data)
	if !ok {
		return malformed(name)
	}
	if aip == nil || afl == nil {
		return invalid(l2CardDataMissing, name+": application interchange profile or file locator missing")
	}
	t.aip = [2]byte(aip)
	t.o.Set(0x82, bytes.Clone(aip)...)
	t.o.Set(0x94, bytes.Clone(afl)...)
	if t.files, err = apdu.ParseLocator(afl); err != nil {
		return malformed("application file locator")
	}
	t.onDevice = t.k.OnDeviceCVM && t.aip[0]&aipOnDevice != 0
	return nil
}

// parseOptions decodes format 1 ('80': AIP, AFL) or format 2 ('77': data objects); nil is a missing one.
// Nothing but AIP and AFL is taken: the answer is not signed.
func parseOptions(data []byte) (aip, afl []byte, ok bool) {
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 {
		return nil, nil, false
	}
	switch e.Tag {
	case 0x80:
		if n := len(e.Value); n < 6 || (n-2)%4 != 0 {
			return nil, nil, false
		}
		return e.Value[:2], e.Value[2:], true
	case 0x77:
		for e, err := range tlv.All(e.Value) {
			var into *[]byte
			switch {
			case err != nil:
				return nil, nil, false
			case e.Tag == 0x82:
				into, ok = &aip, len(e.Value) == 2
			case e.Tag == 0x94:
				into, ok = &afl, len(e.Value) >= 4 && len(e.Value)%4 == 0
			default:
				continue
			}
			if !ok || *into != nil {
				return nil, nil, false
			}
			*into = e.Value
		}
		return aip, afl, true
	default:
		return nil, nil, false
	}
}
