package emvtest

import (
	"errors"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

func TestT0(t *testing.T) {
	d := newDesk(t, load(t, "t0"), nil)
	aid := d.card.applications[0].aid
	_, sw := d.send(apdu.Select(aid, false))
	if !errors.Is(sw, apdu.MoreData) {
		t.Fatalf("SELECT: %v", sw)
	}
	part := d.fetch(t, 3, apdu.MoreData|apdu.SW(sw.SW2()-3))
	rest := d.fetch(t, sw.SW2()-3, apdu.OK)
	fci := append(part, rest...)
	if e, more, err := tlv.ParseOne(fci); err != nil || e.Tag != 0x6F || len(more) > 0 {
		t.Errorf("%X: %v", fci, err)
	}
	d.want(apdu.GetResponse(1), apdu.ConditionsOfUse)

	options := apdu.GetProcessingOptions(nil)
	options.Le = apdu.NoLe
	_, sw = d.send(options)
	d.want(apdu.GetResponse(sw.SW2()+1), apdu.WrongLe|apdu.SW(sw.SW2()))
	d.fetch(t, sw.SW2(), apdu.OK)

	_, sw = d.send(apdu.ReadRecord(1, 1))
	if !errors.Is(sw, apdu.WrongLe) {
		t.Fatalf("READ RECORD: %v", sw)
	}
	again := apdu.ReadRecord(1, 1)
	again.Le = int(sw.SW2())
	if record := d.must(again); len(record) != again.Le {
		t.Errorf("record of %d bytes, announced %d", len(record), again.Le)
	}
	// Another command discards what was waiting.
	d.send(apdu.Select(aid, false))
	d.want(apdu.GetData(0x9F4F), apdu.DataNotFound)
	d.want(apdu.GetResponse(0), apdu.ConditionsOfUse)
}

func (d *desk) fetch(t *testing.T, n byte, want apdu.SW) []byte {
	t.Helper()
	data, sw := d.send(apdu.GetResponse(n))
	if sw != want {
		t.Fatalf("GET RESPONSE %d: %v, want %04X", n, sw, uint16(want))
	}
	return data
}
