package tap

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// answers is a card that says the same to everything, from memory it goes on using.
type answers []byte

func (a answers) Transceive(context.Context, []byte) ([]byte, error) { return a, nil }

// Wipe reaches the data sets, which no caller has in hand, and they are in one piece of memory each: one that grew
// would have left parts of itself behind.
func TestDataSetsAreWiped(t *testing.T) {
	o := NewObjects(&Activation{
		AID: []byte{0xA0, 0, 0, 0, 3}, Config: &emvkernel.Config{}, Combination: &Combination{},
		Params: emvkernel.Params{Time: time.Date(2026, time.November, 21, 0, 0, 0, 0, time.UTC)},
	})
	for tag, value := range map[tlv.Tag][]byte{
		0x5A: {0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42}, 0x5F24: {0x27, 0x12, 0x31}, 0x9F6E: make([]byte, 250), 0xDF01: make([]byte, 250),
	} {
		if err := o.FromCard(tlv.Element{Tag: tag, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	r, ok := NewReading(o, Facts{})
	if !ok {
		t.Fatal("no reading")
	}
	data, all := r.data, r.all
	for name, set := range map[string]emvkernel.Secret{"data set": data, "list of all": all} {
		if !bytes.Contains(set, []byte{0x5A, 0x08, 0x42, 0x42}) {
			t.Errorf("the account number is not in the %s", name)
		}
	}
	room := 0
	for _, tags := range []iter.Seq[tlv.Tag]{maps.Keys(o.own), maps.Keys(o.card), slices.Values(paymentTags)} {
		for tag := range tags { // each is in one of them only
			room += 6 + len(o.Get(tag))
		}
	}
	if cap(all) != room {
		t.Errorf("%d bytes of memory, and room for %d was made: it grew", cap(all), room)
	}
	r.Wipe()
	if !bytes.Equal(data, make([]byte, len(data))) || !bytes.Equal(all, make([]byte, len(all))) {
		t.Error("the account number is still there")
	}
}

// Of records that are not interpreted nothing is left either: a file of the issuer's own, and one under a warning. What
// Link gives out is its own copy.
func TestRecordsAreWiped(t *testing.T) {
	for name, test := range map[string]struct {
		sfi    byte
		answer answers
	}{
		"a record":          {1, answers{0x70, 0x04, 0x5A, 0x02, 0x42, 0x42, 0x90, 0x00}},
		"a file of its own": {11, answers{0x70, 0x04, 0x5A, 0x02, 0x42, 0x42, 0x90, 0x00}},
		"a warning":         {1, answers{0x70, 0x04, 0x5A, 0x02, 0x42, 0x42, 0x62, 0x83}},
	} {
		o := NewObjects(&Activation{Config: &emvkernel.Config{}})
		var static oda.StaticData
		_ = o.ReadRecords(t.Context(), NewLink(test.answer), []apdu.File{{SFI: test.sfi, First: 1, Last: 1}}, &static)
		if len(o.answers) != 1 || !bytes.Contains(o.answers[0], []byte{0x42, 0x42}) {
			t.Fatalf("%s: %X", name, o.answers)
		}
		record := o.answers[0]
		o.Wipe()
		if !bytes.Equal(record, make([]byte, len(record))) {
			t.Errorf("%s: %X is left", name, record)
		}
		if test.answer[2] != 0x5A {
			t.Errorf("%s: the transport's memory was overwritten", name)
		}
	}
}
