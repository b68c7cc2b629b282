package oda

import (
	"bytes"
	"errors"
	"testing"
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
