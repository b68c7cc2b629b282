package emvkernel_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// stub is a card without keys: what it answers is written in its fields. Tests change single fields.
type stub struct {
	name     []byte             // of its application, nil: Visa
	fci      map[tlv.Tag][]byte // proprietary template
	gpo      []byte             // whole answer, nil: format 1 of aip and afl
	aip      [2]byte
	afl      []byte
	data     map[tlv.Tag][]byte // record 1 of file 1
	records  map[[2]byte][]byte // other records by file and number, whole answers
	getData  map[tlv.Tag][]byte // whole answers
	ac       [][]byte           // whole answers to GENERATE AC, one after the other
	answers  map[byte][]byte    // whole answers of other instructions
	failAt   byte               // instruction at which the card is pulled
	commands []apdu.Command     // what was asked after selection
}

func newStub() *stub {
	return &stub{
		fci: map[tlv.Tag][]byte{0x50: []byte("VISA")},
		afl: []byte{0x08, 0x01, 0x01, 0x00},
		data: map[tlv.Tag][]byte{
			0x5A:   {0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42},
			0x5F24: {0x27, 0x12, 0x31},
			0x8C:   {0x9F, 0x02, 0x06, 0x95, 0x05, 0x9B, 0x02, 0x8A, 0x02, 0x9F, 0x37, 0x04, 0x9F, 0x34, 0x03},
			0x8D:   {0x8A, 0x02, 0x91, 0x0A, 0x95, 0x05, 0x9F, 0x37, 0x04},
		},
		ac: [][]byte{acFormat1(0x80), acFormat1(0x00)},
	}
}

func acFormat1(cid byte) []byte {
	return ok(tlv.Append(nil, 0x80, cid, 0x00, 0x2A, 1, 2, 3, 4, 5, 6, 7, 8, 0x06, 0x01))
}

func ok(b []byte) []byte { return append(bytes.Clone(b), 0x90, 0x00) }

func template(tag tlv.Tag, data map[tlv.Tag][]byte) []byte {
	var value []byte
	for _, k := range slices.Sorted(maps.Keys(data)) {
		value = tlv.Append(value, k, data[k]...)
	}
	return tlv.Append(nil, tag, value...)
}

func (s *stub) Transceive(_ context.Context, command []byte) ([]byte, error) {
	c, err := apdu.ParseCommand(command)
	if err != nil {
		return nil, err
	}
	if c.INS != apdu.INSSelect {
		s.commands = append(s.commands, c)
	}
	if s.failAt == c.INS {
		return nil, fmt.Errorf("slot: %w", errPulled)
	}
	switch c.INS {
	case apdu.INSSelect:
		aid := s.name
		if aid == nil {
			aid = []byte{0xA0, 0, 0, 0, 3, 0x10, 0x10}
		}
		if !bytes.HasPrefix(aid, c.Data) || c.P2 != 0 {
			return []byte{0x6A, 0x82}, nil
		}
		return ok(tlv.Append(nil, 0x6F, append(tlv.Append(nil, 0x84, aid...), template(0xA5, s.fci)...)...)), nil
	case apdu.INSGetProcessingOptions:
		if s.gpo != nil {
			return s.gpo, nil
		}
		return ok(tlv.Append(nil, 0x80, append(s.aip[:], s.afl...)...)), nil
	case apdu.INSReadRecord:
		if r, have := s.records[[2]byte{c.P2 >> 3, c.P1}]; have {
			return r, nil
		}
		if c.P1 == 1 && c.P2 == 0x0C {
			return ok(template(0x70, s.data)), nil
		}
		return []byte{0x6A, 0x83}, nil
	case apdu.INSGetData:
		if r, have := s.getData[tlv.Tag(c.P1)<<8|tlv.Tag(c.P2)]; have {
			return r, nil
		}
		return []byte{0x6A, 0x88}, nil
	case apdu.INSGenerateAC:
		if len(s.ac) == 0 {
			return []byte{0x69, 0x85}, nil // a third GENERATE AC
		}
		r := s.ac[0]
		s.ac = s.ac[1:]
		return r, nil
	default:
		if r, have := s.answers[c.INS]; have {
			return r, nil
		}
		return []byte{0x6D, 0x00}, nil
	}
}

// asked returns the commands with the instruction.
func (s *stub) asked(ins byte) []apdu.Command {
	var out []apdu.Command
	for _, c := range s.commands {
		if c.INS == ins {
			out = append(out, c)
		}
	}
	return out
}

// run collects a payment with the card; change may alter terminal and payment.
func (s *stub) run(t testing.TB, change func(*emvkernel.Config, *emvkernel.Params)) (*emvkernel.Transaction, emvkernel.Outcome) {
	t.Helper()
	cfg, p := terminal(), payment()
	if change != nil {
		change(cfg, &p)
	}
	tx := begin(t, cfg, p, s, nil)
	return tx, collect(t, tx)
}
