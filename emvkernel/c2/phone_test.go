package c2_test

import (
	"bytes"
	"testing"
	"time"

	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/tap"
)

// EMV fact 33: a device that wants to be looked at ends the application for a second tap, whatever its
// cryptogram is; nothing is declined in between.
func TestSeePhone(t *testing.T) {
	for _, test := range []struct {
		phone string
		again bool
		shows tap.Message
	}{
		{"000001", true, tap.SeePhone}, // the wallet wants a second tap
		{"000100", true, tap.SeePhone}, // a code is to be entered
		{"000200", true, tap.SeePhone}, // or something confirmed
		{"000300", true, tap.SeePhone},
		{"000900", true, tap.SeePhone},
		{"000002", true, tap.NotAuthorised}, // wanted, but no entry but the last says how
		{"000800", false, 0},                // a conflict alone is no second tap
		{"000400", false, 0},
		{"001000", false, 0}, // the code was right
		{"000000", false, 0},
		{"FF0010", false, 0},
	} {
		for _, kind := range []byte{0x00, 0x80} {
			b, c := newBench(t), newCard(t)
			c.kind, c.phone = kind, test.phone
			c.aip[0] |= 0x02
			c.static.set(0x9F6E, "084000003031")
			b.params.Amount = 6000
			out := b.tap(c)
			if !test.again {
				want := tap.OnlineRequest
				if kind == 0x00 {
					want = tap.Declined
				}
				expect(t, out, want)
				continue
			}
			expect(t, out, tap.EndApplication)
			if out.Start != tap.StartB || out.UI != nil || out.Reading != nil {
				t.Errorf("%s: %+v", test.phone, out)
			}
			if out.Restart == nil || out.Restart.Message != test.shows || out.Restart.Status != tap.ReadyToRead || out.Restart.Languages != "deen" || out.Restart.Hold != 0 {
				t.Errorf("%s: restart with %v", test.phone, out.Restart)
			}
			if last := b.shown[len(b.shown)-1]; last.Message != test.shows || last.Status != tap.NotReady || last.Hold != 1300*time.Millisecond {
				t.Errorf("%s: shown %v", test.phone, last)
			}
		}
	}
}

// The table as terminal configurations publish it: mask, value, message, status.
func TestDefaultPhoneMessages(t *testing.T) {
	var table []byte
	for _, m := range c2.DefaultPhoneMessages() {
		table = append(append(append(table, m.Mask[:]...), m.Value[:]...), byte(m.Message), byte(m.Status))
	}
	if want := unhex("0000010000012000 0008000008002000 0004000004002000 0001000001002000 0002000002002000 0000000000000700"); !bytes.Equal(table, want) {
		t.Errorf("%X, want %X", table, want)
	}
}

func TestPhoneMessageTable(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.phone = "000100"
	b.kernel.PhoneMessages = nil // the published one
	if out := b.tap(c); out.Restart.Message != tap.SeePhone {
		t.Error(out.Restart)
	}
	b.kernel.PhoneMessages = []c2.PhoneMessage{{Mask: [3]byte{0xFF, 0xFF, 0xFF}, Value: [3]byte{0, 1, 0}, Message: tap.PresentCardAgain, Status: tap.StatusProcessing}}
	if out := b.tap(c); out.Restart.Message != tap.PresentCardAgain || b.shown[len(b.shown)-1].Status != tap.StatusProcessing {
		t.Error(out.Restart)
	}
	c.phone = "000200" // no entry fits
	if out := b.tap(c); out.Restart.Message != tap.SeePhone {
		t.Error(out.Restart)
	}
}

// EMV fact 33: the second tap is verified by the device and has a new unpredictable number.
func TestSecondTap(t *testing.T) {
	b, c := newBench(t), newCard(t)
	b.params.Amount = 6000
	c.aip[0] |= 0x02
	c.kind, c.phone = 0x00, "000100"
	expect(t, b.tap(c), tap.EndApplication)
	c.kind, c.phone = 0x80, "001000"
	b.later(3 * time.Second)
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if out.CVM != tap.ConfirmationCodeVerified || value(t, out.Reading, 0x9F37) != "cafebabe" || value(t, out.Reading, 0x9F02) != "000000006000" {
		t.Error(out.CVM)
	}
	if !bytes.Contains(out.Reading.Data(), unhex("DF4B03001000")) {
		t.Error("what the device said is lost")
	}
}

func TestDevice(t *testing.T) {
	for third, want := range map[string]string{
		"": "", "084000003030": "card", "084000003031": "phone", "084000003033": "watch", "084000003032": "fob",
		"084000003035": "wristband", "084000003939": "device", "084080003031": "", "084001003031": "phone", "0840": "",
	} {
		b, c := newBench(t), newCard(t)
		if third != "" {
			c.static.set(0x9F6E, third)
		}
		if out := b.tap(c); out.Reading.Device() != want {
			t.Errorf("%s: %q, want %q", third, out.Reading.Device(), want)
		}
	}
}
