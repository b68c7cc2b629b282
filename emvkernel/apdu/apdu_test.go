package apdu

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConstructors(t *testing.T) {
	tests := []struct {
		name string
		cmd  Command
		want string
	}{
		{"SELECT", Select([]byte{0xA0, 0, 0, 0, 3}, false), "00A40400 05 A000000003 00"},
		{"SELECT next", Select([]byte{0xA0, 0, 0, 0, 3}, true), "00A40402 05 A000000003 00"},
		{"READ RECORD, SFI in the upper bits of P2", ReadRecord(2, 3), "00B20314 00"},
		{"GET PROCESSING OPTIONS without PDOL", GetProcessingOptions(nil), "80A80000 02 8300 00"},
		{"GET PROCESSING OPTIONS", GetProcessingOptions([]byte{1, 2}), "80A80000 04 83020102 00"},
		{"GENERATE AC, ARQC with CDA", GenerateAC(RequestARQC|RequestCDA, []byte{1}), "80AE9000 01 01 00"},
		{"GENERATE AC, TC with CDA", GenerateAC(RequestTC|RequestCDA, []byte{1}), "80AE5000 01 01 00"},
		{"INTERNAL AUTHENTICATE", InternalAuthenticate([]byte{1, 2, 3, 4}), "00880000 04 01020304 00"},
		{"EXTERNAL AUTHENTICATE has no Le", ExternalAuthenticate(make([]byte, 8)), "00820000 08 0000000000000000"},
		{"GET DATA", GetData(0x9F17), "80CA9F17 00"},
		{"GET RESPONSE", GetResponse(0x12), "00C00000 12"},
		{"VERIFY", Verify(0x80, []byte{0x24}), "00200080 01 24"},
		{"GET CHALLENGE", GetChallenge(), "00840000 00"},
	}
	for _, tt := range tests {
		got, err := tt.cmd.Bytes()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if want := unhex(t, tt.want); !bytes.Equal(got, want) {
			t.Errorf("%s: %X, want %X", tt.name, got, want)
		}
	}
}

func TestLongProcessingOptions(t *testing.T) {
	b, err := GetProcessingOptions(make([]byte, 0x80)).Bytes()
	if err != nil || !bytes.HasPrefix(b, unhex(t, "80A80000 83 8381 80")) {
		t.Errorf("%X, %v", b, err)
	}
	if _, err := GetProcessingOptions(make([]byte, 253)).Bytes(); !errors.Is(err, ErrCommand) {
		t.Errorf("256 bytes of data: %v", err)
	}
}

func TestCommandCases(t *testing.T) {
	tests := []struct {
		in   string
		data int
		le   int
	}{
		{"00840000", 0, NoLe},
		{"0084000008", 0, 8},
		{"0084000000", 0, 0},
		{"00820000 02 0102", 2, NoLe},
		{"00A40400 02 0102 00", 2, 0},
		{"00A40400 02 0102 20", 2, 0x20},
	}
	for _, tt := range tests {
		c, err := ParseCommand(unhex(t, tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if len(c.Data) != tt.data || c.Le != tt.le {
			t.Errorf("%s: %d data bytes, Le %d", tt.in, len(c.Data), c.Le)
		}
	}
}

func TestParseCommandRefuses(t *testing.T) {
	for _, s := range []string{
		"", "00A404", "00A40400 0001", "00A40400 03 0102", "00A40400 01 0102 0304",
		"00A40400 000001 01", // extended length
	} {
		if c, err := ParseCommand(unhex(t, s)); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: %v, %v", s, c, err)
		}
	}
}

func TestBytesRefuses(t *testing.T) {
	for _, c := range []Command{{Data: make([]byte, 256)}, {Le: 256}, {Le: -2}} {
		if _, err := c.Bytes(); !errors.Is(err, ErrCommand) {
			t.Errorf("%v encoded: %v", c, err)
		}
	}
}

// A command may carry a PIN block or issuer data.
func TestCommandPrintsNoData(t *testing.T) {
	c := Verify(0x80, []byte{0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	if s := c.String(); s != "VERIFY 00 20 00 80 (8 data bytes)" {
		t.Error(s)
	}
	if s := (Command{CLA: 0x90, INS: 0xFE, P2: 1}).String(); s != "90 FE 00 01 (0 data bytes)" {
		t.Error(s)
	}
	for _, c := range []Command{
		Select(nil, false), ReadRecord(1, 1), GetProcessingOptions(nil), GenerateAC(0, nil), InternalAuthenticate(nil),
		ExternalAuthenticate(nil), GetData(0), GetResponse(0), Verify(0, nil), GetChallenge(),
	} {
		if instructions[c.INS] == "" {
			t.Errorf("%v has no name", c)
		}
	}
}

// No verb and no logger reaches the data either, not even of a field.
func TestDataIsNeverPrinted(t *testing.T) {
	secret := []byte{0x5A, 0x42, 0x42, 0x42}
	for _, v := range []any{
		Verify(0x80, secret), Response{Data: secret, SW: OK},
		struct{ C Command }{Verify(0x80, secret)}, []Response{{Data: secret}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%X", "%q"} {
			s := fmt.Sprintf(verb, v)
			for _, shown := range []string{"66, 66", "66 66", "4242", "0x42", "BBB"} {
				if strings.Contains(s, shown) {
					t.Errorf("%s of a %T: %s", verb, v, s)
				}
			}
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "command", Verify(0x80, secret), "response", Response{Data: secret})
	if s := log.String(); strings.Contains(s, "WkJC") || !strings.Contains(s, "VERIFY") {
		t.Error(s)
	}
}

// An answer may hold an account number, and is printed by the careless.
func TestResponsePrintsNoData(t *testing.T) {
	r := Response{Data: []byte{0x5A, 0x02, 0x42, 0x42}, SW: FileInvalidated}
	for _, s := range []string{r.String(), fmt.Sprintf("%v", r)} {
		if s != "4 data bytes, 6283 (selected file invalidated)" {
			t.Error(s)
		}
	}
}

func TestParseResponse(t *testing.T) {
	r, err := ParseResponse(unhex(t, "0102 9000"))
	if err != nil || r.SW != OK || len(r.Data) != 2 {
		t.Errorf("%v, %v", r, err)
	}
	for _, b := range [][]byte{nil, {0x90}, make([]byte, 259)} {
		if _, err := ParseResponse(b); !errors.Is(err, ErrResponse) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

func TestStatusWordIsAnError(t *testing.T) {
	var err error = SW(0x63C2)
	for target, want := range map[SW]bool{TriesLeft: true, WarningChanged: false, OK: false, 0x63C2: true} {
		if errors.Is(err, target) != want {
			t.Errorf("63C2 is %04X: want %v", uint16(target), want)
		}
	}
	if !errors.Is(SW(0x6110), MoreData) || !errors.Is(SW(0x6C10), WrongLe) || errors.Is(SW(0x6283), MoreData) {
		t.Error("families are wrong")
	}
	if errors.Is(SW(0x6A82), ErrCommand) {
		t.Error("a status word is no other error")
	}
	if !SW(0x6283).Warning() || !SW(0x63C0).Warning() || SW(0x6A82).Warning() || OK.Warning() {
		t.Error("warnings are 62xx and 63xx")
	}
	if s := SW(0x6A82).Error(); s != "apdu: status word 6A82 (file not found)" {
		t.Error(s)
	}
	if s := SW(0x6F42).Error(); s != "apdu: status word 6F42" {
		t.Error(s)
	}
	for sw, want := range map[SW]string{
		OK:     "9000 (success)",
		0x6100: "6100 (256 bytes waiting)",
		0x6113: "6113 (19 bytes waiting)",
		0x6C20: "6C20 (wrong Le, 32 bytes there)",
		0x63C2: "63C2 (verification failed, 2 tries left)",
		0x6300: "6300 (verification failed)",
		0x6299: "6299 (warning)",
		0x6500: "6500 (execution error, something may have changed)",
		0x9100: "9100",
	} {
		if sw.String() != want {
			t.Errorf("%s, want %s", sw.String(), want)
		}
	}
	for _, sw := range []SW{
		OK, MoreData, FileInvalidated, TriesLeft, WrongLength, SecurityStatus, AuthenticationBlocked, DataInvalidated,
		ConditionsOfUse, CommandNotAllowed, WrongData, FunctionNotSupported, FileNotFound, RecordNotFound, WrongP1P2,
		DataNotFound, WrongLe, INSNotSupported, CLANotSupported, WarningUnchanged, DataCorrupted, EndOfFile, WarningChanged,
		StateUnchanged, StateChanged, MemoryFailure, NoSecureMessaging, MACMissing, MACWrong, WrongParameters, NoPreciseDiagnosis,
	} {
		if !strings.Contains(sw.Error(), "(") {
			t.Errorf("%04X has no name", uint16(sw))
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"00A40400000001", "80A8000002830000", "00840000", "00C0000012", "00A4040000000101"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := ParseCommand(in)
		if err != nil {
			return
		}
		out, err := c.Bytes()
		if err != nil || !bytes.Equal(out, in) {
			t.Fatalf("%X encoded again as %X, %v", in, out, err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, s := range []string{"9000", "6A82", "01029000", "90"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseResponse(in)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Bytes(), in) {
			t.Fatalf("%X encoded again as %X", in, r.Bytes())
		}
		if s := r.SW.Error(); !strings.Contains(s, fmt.Sprintf("%04X", uint16(r.SW))) || len(r.String()) < len(r.SW.String()) {
			t.Fatal(s)
		}
	})
}
