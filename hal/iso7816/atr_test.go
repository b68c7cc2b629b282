package iso7816

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func b(v byte) *byte { return &v }

func TestParseATR(t *testing.T) {
	tests := []struct {
		name     string
		in       []byte
		protocol int
		fidi     byte
		bad      bool
	}{
		{"shortest", []byte{0x3B, 0x00}, 0, 0x11, false},
		{"EMV basic T=0", []byte{0x3B, 0x60, 0x00, 0x00}, 0, 0x11, false},
		{"EMV basic T=1", []byte{0x3B, 0xE0, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0xEB}, 1, 0x11, false},
		{"inverse", []byte{0x3F, 0x62, 0x00, 0x00, 'a', 'b'}, 0, 0x11, false},
		{"rate offered", []byte{0x3B, 0x70, 0x18, 0x00, 0x00}, 0, 0x18, false},
		{"specific T=1", []byte{0x3B, 0x90, 0x13, 0x11, 0x01, 0x93}, 1, 0x13, false},
		{"specific implicit", []byte{0x3B, 0x90, 0x13, 0x10, 0x10}, 0, 0x11, false},
		{"empty", nil, 0, 0, true},
		{"TS", []byte{0x3C, 0x00}, 0, 0, true},
		{"cut interface bytes", []byte{0x3B, 0x60, 0x00}, 0, 0, true},
		{"cut historical bytes", []byte{0x3B, 0x02, 0x00}, 0, 0, true},
		{"bytes behind", []byte{0x3B, 0x00, 0x00}, 0, 0, true},
		{"no TCK", []byte{0x3B, 0x80, 0x01}, 0, 0, true},
		{"wrong TCK", []byte{0x3B, 0x80, 0x01, 0x80}, 0, 0, true},
		{"too long", append([]byte{0x3B, 0x00}, make([]byte, 32)...), 0, 0, true},
	}
	for _, tt := range tests {
		a, err := ParseATR(tt.in)
		if tt.bad {
			if !errors.Is(err, ErrATR) {
				t.Errorf("%s: got %v, want ErrATR", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if a.Protocol() != tt.protocol || a.FiDi() != tt.fidi || !a.Offers(tt.protocol) {
			t.Errorf("%s: T=%d, TA1 %02X, offered %v; want T=%d, %02X", tt.name, a.Protocol(), a.FiDi(), a.Offers(tt.protocol), tt.protocol, tt.fidi)
		}
	}
}

func TestATRValues(t *testing.T) {
	a, err := ParseATR([]byte{0x3B, 0xE2, 0x00, 0x05, 0x81, 0x31, 0x40, 0x45, 'h', 'i', 0x53})
	if err != nil {
		t.Fatal(err)
	}
	if string(a.Historical) != "hi" || a.Guard() != 5 || a.IFSC() != 64 || a.WaitingIntegers() != 0x45 || a.CRC() {
		t.Errorf("got %q, N %d, IFSC %d, TB3 %02X, CRC %v", a.Historical, a.Guard(), a.IFSC(), a.WaitingIntegers(), a.CRC())
	}
	// BWT of 16 * 960 * 372 cycles at 4 MHz, WT of 10 * 960 * 372.
	if got := a.WaitingTime(1, 4000); got != 1428480*time.Microsecond {
		t.Errorf("BWT %v", got)
	}
	if got := a.WaitingTime(0, 4000); got != 892800*time.Microsecond {
		t.Errorf("WT %v", got)
	}
}

func TestCheckEMV(t *testing.T) {
	// T=1 as in the basic response, changed by each test.
	t1 := func(change func(*ATR)) *ATR {
		a := &ATR{Groups: []Group{
			{TB: b(0), TC: b(0), TD: b(0x81)},
			{TD: b(0x31)},
			{TA: b(0xFE), TB: b(0x45)},
		}}
		change(a)
		return a
	}
	tests := []struct {
		name       string
		atr        *ATR
		cold, warm bool // accepted
	}{
		{"basic T=1", t1(func(*ATR) {}), true, true},
		{"basic T=0", &ATR{Groups: []Group{{TB: b(0), TC: b(0)}}}, true, true},
		{"TB1 absent", &ATR{}, false, true},
		{"TB1 5 V programming", &ATR{Groups: []Group{{TB: b(0x25)}}}, false, true},
		{"TD1 T=14", &ATR{Groups: []Group{{TB: b(0), TD: b(0x0E)}}}, false, false},
		{"specific", &ATR{Groups: []Group{{TA: b(0x13), TB: b(0), TD: b(0x10)}, {TA: b(0x00)}}}, true, true},
		{"specific reserved", &ATR{Groups: []Group{{TA: b(0x7F), TB: b(0), TD: b(0x10)}, {TA: b(0x00)}}}, false, false},
		{"specific implicit", &ATR{Groups: []Group{{TA: b(0x13), TB: b(0), TD: b(0x10)}, {TA: b(0x10)}}}, false, false},
		{"specific other protocol", &ATR{Groups: []Group{{TA: b(0x13), TB: b(0), TD: b(0x10)}, {TA: b(0x01)}}}, false, false},
		{"TB2", &ATR{Groups: []Group{{TB: b(0), TD: b(0x20)}, {TB: b(0x00)}}}, false, false},
		{"TC2 zero", &ATR{Groups: []Group{{TB: b(0), TD: b(0x40)}, {TC: b(0x00)}}}, false, false},
		{"TC2", &ATR{Groups: []Group{{TB: b(0), TD: b(0x40)}, {TC: b(0x0A)}}}, true, true},
		{"TD2 T=14 behind T=0", &ATR{Groups: []Group{{TB: b(0), TD: b(0x80)}, {TD: b(0x0E)}}}, true, true},
		{"TD2 T=14 behind T=1", t1(func(a *ATR) { a.Groups[1].TD = b(0x3E) }), false, false},
		{"IFSC small", t1(func(a *ATR) { a.Groups[2].TA = b(0x0F) }), false, false},
		{"IFSC 255", t1(func(a *ATR) { a.Groups[2].TA = b(0xFF) }), false, false},
		{"IFSC absent", t1(func(a *ATR) { a.Groups[2].TA = nil }), true, true},
		{"TB3 absent", t1(func(a *ATR) { a.Groups[2].TB = nil }), false, false},
		{"TD2 absent", t1(func(a *ATR) { a.Groups = a.Groups[:1] }), false, false},
		{"BWI", t1(func(a *ATR) { a.Groups[2].TB = b(0x55) }), false, false},
		{"CWI", t1(func(a *ATR) { a.Groups[2].TB = b(0x46) }), false, false},
		{"CWI too small for N", t1(func(a *ATR) { a.Groups[0].TC = b(31) }), false, false},
		{"CWI big enough for N", t1(func(a *ATR) { a.Groups[0].TC = b(30) }), true, true},
		{"N 255", t1(func(a *ATR) { a.Groups[0].TC = b(255); a.Groups[2].TB = b(0x40) }), true, true},
		{"CRC", t1(func(a *ATR) { a.Groups[2].TC = b(1) }), false, false},
	}
	for _, tt := range tests {
		if err := tt.atr.CheckEMV(false); (err == nil) != tt.cold {
			t.Errorf("%s: cold: %v", tt.name, err)
		}
		if err := tt.atr.CheckEMV(true); (err == nil) != tt.warm {
			t.Errorf("%s: warm: %v", tt.name, err)
		}
	}
}

func TestPPS(t *testing.T) {
	request := PPS(1, 0x18)
	if want := []byte{0xFF, 0x11, 0x18, 0xF6}; !bytes.Equal(request, want) {
		t.Fatalf("request % X, want % X", request, want)
	}
	tests := []struct {
		answer []byte
		fidi   byte
		bad    bool
	}{
		{request, 0x18, false},
		{[]byte{0xFF, 0x01, 0xFE}, 0x11, false},
		{[]byte{0xFF, 0x11, 0x13, 0xFD}, 0, true},
		{[]byte{0xFF, 0x00, 0xFF}, 0, true},
		{[]byte{0xFF, 0x11, 0x18, 0xF7}, 0, true},
		{nil, 0, true},
	}
	for _, tt := range tests {
		fidi, err := CheckPPS(request, tt.answer)
		if fidi != tt.fidi || (err != nil) != tt.bad {
			t.Errorf("% X: got %02X, %v", tt.answer, fidi, err)
		}
	}
}

// FuzzATR checks that what is accepted has one meaning only: its parts make the
// same bytes again.
func FuzzATR(f *testing.F) {
	f.Add([]byte{0x3B, 0x60, 0x00, 0x00})
	f.Add([]byte{0x3B, 0xE0, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0xEB})
	f.Add([]byte{0x3F, 0xFF, 1, 2, 3, 0x9F, 1, 2})
	f.Add(bytes.Repeat([]byte{0x3B, 0xF0}, 16))
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := ParseATR(in)
		if err != nil {
			if !errors.Is(err, ErrATR) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if got := encode(a); !bytes.Equal(got, in) {
			t.Fatalf("% X becomes % X", in, got)
		}
		if len(a.Historical) > 15 || len(a.Groups) > MaxATR {
			t.Fatal("more than an answer to reset can hold")
		}
		for _, warm := range []bool{false, true} {
			if err := a.CheckEMV(warm); err == nil && a.CheckEMV(true) != nil {
				t.Fatal("accepted cold and refused warm")
			}
		}
		if a.WaitingTime(a.Protocol(), 0) < 0 {
			t.Fatal("negative waiting time")
		}
	})
}

// encode is the inverse of ParseATR.
func encode(a *ATR) []byte {
	var body []byte
	checked := false
	present := byte(0)
	for i := len(a.Groups) - 1; i >= 0; i-- {
		var bytes []byte
		bits := byte(0)
		for at, v := range []*byte{a.Groups[i].TA, a.Groups[i].TB, a.Groups[i].TC, a.Groups[i].TD} {
			if v == nil {
				continue
			}
			bits |= 0x10 << at
			c := *v
			if at == 3 {
				c = c&0x0F | present
				checked = checked || c&0x0F != 0
			}
			bytes = append(bytes, c)
		}
		body = append(bytes, body...)
		present = bits
	}
	out := append([]byte{0x3B, present | byte(len(a.Historical))}, body...)
	if a.Inverse {
		out[0] = 0x3F
	}
	out = append(out, a.Historical...)
	if checked {
		out = append(out, xor(out[1:]))
	}
	return out
}
