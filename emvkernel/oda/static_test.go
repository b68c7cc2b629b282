package oda

import (
	"bytes"
	"errors"
	"testing"

	"smartreader/emvkernel/tlv"
)

// EMV fact 7.
func TestStaticData(t *testing.T) {
	record := []byte{0x70, 0x81, 0x04, 0x5F, 0x24, 0x01, 0x26}
	aip := []byte{0x39, 0x00}

	var s StaticData
	s.AddRecord(1, record)
	s.AddRecord(10, record)
	s.AddRecord(11, record)
	want := append(append(append([]byte{}, record[3:]...), record[3:]...), record...)
	got, err := s.Bytes(nil, false, aip)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%X, %v, want %X", got, err, want)
	}
	got, err = s.Bytes([]byte{0x82}, true, aip)
	if err != nil || !bytes.Equal(got, append(want, aip...)) {
		t.Errorf("with the AIP: %X, %v", got, err)
	}
	for _, list := range [][]byte{{}, {0x82, 0x82}, {0x84}, {0x5F, 0x24}} {
		if _, err := s.Bytes(list, true, aip); !errors.Is(err, BadStaticData) {
			t.Errorf("tag list %X: %v", list, err)
		}
	}
}

func TestStaticDataWantsTemplates(t *testing.T) {
	for _, sfi := range []byte{1, 10, 11, 30} {
		for _, record := range [][]byte{nil, {0x71, 0x00}, {0x70, 0x02, 0x00}, {0x70, 0x00, 0x00}} {
			var s StaticData
			s.AddRecord(sfi, record)
			if _, err := s.Bytes(nil, false, nil); !errors.Is(err, BadStaticData) {
				t.Errorf("file %d, record %X: %v", sfi, record, err)
			}
		}
	}
}

func TestStaticDataWipe(t *testing.T) {
	var s StaticData
	s.AddRecord(1, []byte{0x70, 0x01, 0xAA})
	inside := s.data
	s.Wipe()
	if inside[0] != 0 || len(s.data) != 0 {
		t.Error("not wiped")
	}
}

// The account number is in the records: growing leaves no copy behind, nor does the AIP make one.
func TestStaticDataIsInOnePlace(t *testing.T) {
	var s StaticData
	record := append([]byte{0x70, 0x81, 0xF0}, bytes.Repeat([]byte{0xAA}, 0xF0)...)
	var places [][]byte
	for n := range 40 {
		s.AddRecord(1, record)
		data, err := s.Bytes([]byte{0x82}, true, []byte{0x12, 0x34})
		if err != nil || !bytes.Equal(data, append(bytes.Repeat([]byte{0xAA}, (n+1)*0xF0), 0x12, 0x34)) {
			t.Fatalf("%d records: %v, %d bytes", n+1, err, len(data))
		}
		places = append(places, data)
	}
	for n, p := range places {
		if &p[0] != &s.data[0] && bytes.Contains(p, []byte{0xAA}) {
			t.Errorf("a copy of %d records is left", n+1)
		}
	}
	s.Wipe()
	if last := places[len(places)-1]; bytes.Contains(last, []byte{0xAA}) {
		t.Error("not wiped")
	}
}

// EMV fact 7: two records with any content, in any files, are assembled as written; a record that is not
// exactly one template spoils all.
func FuzzStaticData(f *testing.F) {
	f.Add(byte(1), []byte{0x5F, 0x24, 0x01, 0x26}, byte(11), []byte{0x5F, 0x50, 0x01, 0x41}, []byte{}, []byte{0x82})
	f.Add(byte(10), bytes.Repeat([]byte{0x00}, 200), byte(30), []byte{}, []byte{0x00}, []byte{})
	f.Add(byte(2), []byte{1}, byte(3), []byte{2}, []byte{}, []byte{0x82, 0x82})
	f.Fuzz(func(t *testing.T, sfi1 byte, content1 []byte, sfi2 byte, content2, behind, list []byte) {
		if len(content1)+len(content2)+2*len(behind) > 32<<10 {
			return
		}
		aip := []byte{0x39, 0x00}
		var s StaticData
		var want []byte
		for _, r := range []struct {
			sfi     byte
			content []byte
		}{{sfi1, content1}, {sfi2, content2}} {
			record := tlv.Append(nil, 0x70, r.content...)
			s.AddRecord(r.sfi, append(record[:len(record):len(record)], behind...))
			if r.sfi > 10 {
				want = append(want, record...)
			} else {
				want = append(want, r.content...)
			}
		}
		asked := bytes.Equal(list, []byte{0x82})
		got, err := s.Bytes(list, len(list) > 0, aip)
		if asked {
			want = append(want, aip...)
		}
		good := len(behind) == 0 && (asked || len(list) == 0)
		if good != (err == nil) || good && !bytes.Equal(got, want) {
			t.Fatalf("%X, %v, want %X", got, err, want)
		}
	})
}
