package emvkernel

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// memory collects every byte slice that can be reached from v, to the end of its capacity.
func memory(v reflect.Value, found *[][]byte) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			memory(v.Elem(), found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			memory(v.Field(i), found)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			memory(it.Key(), found)
			memory(it.Value(), found)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if v.Cap() > 0 {
				*found = append(*found, unsafe.Slice((*byte)(v.UnsafePointer()), v.Cap()))
			}
			return
		}
		for i := range v.Len() {
			memory(v.Index(i), found)
		}
	case reflect.String:
		if v.Len() > 0 {
			*found = append(*found, []byte(v.String()))
		}
	}
}

// held is what a transaction holds of its card and its issuer.
func held(tx *Transaction) (found [][]byte) {
	v := reflect.ValueOf(tx).Elem()
	for i := range v.NumField() {
		switch v.Type().Field(i).Name {
		case "cfg", "params", "link", "holder", "log": // the caller's
		default:
			memory(v.Field(i), &found)
		}
	}
	return found
}

// chatty is a card that says its account number wherever a card can say something.
type chatty struct{ account, answer []byte }

func (c *chatty) Transceive(_ context.Context, command []byte) ([]byte, error) {
	ok := func(tag tlv.Tag, value ...byte) []byte { return append(tlv.Append(nil, tag, value...), 0x90, 0x00) }
	track := append(append([]byte{}, c.account...), 0xD2, 0x71, 0x22, 0x01)
	switch command[1] {
	case apdu.INSSelect:
		if !bytes.Equal(command[5:12], []byte{0xA0, 0, 0, 0, 3, 0x10, 0x10}) {
			return []byte{0x6A, 0x82}, nil
		}
		inner := append(tlv.Append(nil, 0x50, 'V', 'I', 'S', 'A'), tlv.Append(nil, 0x9F38, 0x5A, 0x08, 0x57, 0x13)...)
		return ok(0x6F, append(tlv.Append(nil, 0x84, command[5:12]...), tlv.Append(nil, 0xA5, inner...)...)...), nil
	case apdu.INSGetProcessingOptions:
		return ok(0x80, aipIssuerAuth, 0, 0x08, 1, 1, 1), nil
	case apdu.INSReadRecord:
		list := []byte{0x5A, 8, 0x57, 12, 0x8A, 2}
		r := append(tlv.Append(nil, 0x5A, c.account...), tlv.Append(nil, 0x57, track...)...)
		r = append(r, tlv.Append(nil, 0x5F24, 0x27, 0x12, 0x31)...)
		r = append(append(r, tlv.Append(nil, 0x8C, list...)...), tlv.Append(nil, 0x8D, list...)...)
		return ok(0x70, r...), nil
	case apdu.INSGenerateAC:
		a := append(tlv.Append(nil, 0x9F27, c.answer[0]), tlv.Append(nil, 0x9F36, 0, 1)...)
		c.answer = c.answer[1:]
		a = append(append(a, tlv.Append(nil, 0x9F26, c.account...)...), tlv.Append(nil, 0x9F10, c.account...)...)
		return ok(0x77, append(append(a, tlv.Append(nil, 0x9F4B, c.account...)...), tlv.Append(nil, 0x57, track...)...)...), nil
	default:
		return []byte{0x90, 0x00}, nil
	}
}

// After Wipe nothing the transaction held has the account number in it any more, and nothing of the card is
// held at all: not its answers, not what was built of them, not what the issuer said.
func TestWipeLeavesNothing(t *testing.T) {
	account := []byte{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42}
	cfg := &Config{
		Terminal:     Terminal{Type: 0x22, Capabilities: [3]byte{0x20, 0x28, 0xC8}, Country: 840},
		Applications: []Application{{AID: []byte{0xA0, 0, 0, 0, 3, 0x10, 0x10}, Version: [2]byte{0, 0x96}}},
	}
	issuerData := bytes.Clone(account)
	tx, err := NewTransaction(cfg, Params{Amount: 1250, Currency: 840, Time: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)},
		&chatty{account, []byte{0x80, 0x40}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := tx.Collect(t.Context()); err != nil || out.Kind != OnlineRequest {
		t.Fatal(out, err)
	}
	pieces := held(tx)
	out, err := tx.Complete(t.Context(), Answer{Kind: IssuerAnswered, ARC: [2]byte{'0', '0'}, IssuerAuthenticationData: issuerData,
		Scripts: []byte{0x72, 0x07, 0x86, 0x05, 0x84, 0x16, 0, 0, 0}})
	if err != nil || out.Kind != Approved || len(tx.ClearingData()) == 0 {
		t.Fatal(out, err)
	}
	pieces = append(pieces, held(tx)...)
	has := func(list [][]byte) (n int) {
		for _, b := range list {
			if bytes.Contains(b, account) || bytes.Contains(b, []byte("42424242")) {
				n++
			}
		}
		return n
	}
	if has(pieces) < 10 {
		t.Fatalf("only %d of %d pieces of memory hold the account number: nothing is tested", has(pieces), len(pieces))
	}
	tx.Wipe()
	if !bytes.Equal(issuerData, account) {
		t.Error("the caller's memory was wiped")
	}
	clear(issuerData) // which the transaction held
	if n := has(pieces); n > 0 {
		t.Errorf("%d pieces of memory still hold the account number", n)
	}

	fresh, err := NewTransaction(cfg, tx.params, tx.link, nil, tx.log)
	if err != nil {
		t.Fatal(err)
	}
	fresh.phase = over
	if !reflect.DeepEqual(tx, fresh) {
		t.Errorf("something is left: TVR %v, TSI %v, receipt %+v, scripts %X", tx.tvr, tx.tsi, tx.Receipt(), tx.scripts)
	}
}
