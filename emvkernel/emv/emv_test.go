package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
	"smartreader/hal/ccid"
	"smartreader/hal/ccid/ccidtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"emv": main}) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code, "serve": serveInBackground},
	})
}

// code runs a program and checks its exit code: code 2 emv run
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// serveInBackground runs "emv serve" with the arguments on a free port until the script ends, and sets
// $SERVER to its address.
func serveInBackground(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath("emv")
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"serve", "-listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		ts.Check(cmd.Process.Signal(os.Interrupt))
		ts.Check(cmd.Wait()) // it ends well
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	_, address, found := strings.Cut(strings.TrimSpace(line), " on ")
	if !found {
		ts.Fatalf("the server said %q", line)
	}
	ts.Setenv("SERVER", address)
}

// talk serves a card and returns a connection to it.
func talk(t *testing.T, card chip) (net.Conn, *bufio.Scanner) {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		converse(t.Context(), server, card)
	}()
	t.Cleanup(func() { client.Close(); <-done })
	return client, bufio.NewScanner(client)
}

func visa(t *testing.T) *emvtest.Card {
	t.Helper()
	p, err := emvtest.ParseProfile(strings.NewReader("application visa\npan 4242424242424242\n"))
	if err != nil {
		t.Fatal(err)
	}
	return emvtest.NewCard(p, nil)
}

// The card server's side of the protocol, line by line.
func TestProtocol(t *testing.T) {
	conn, lines := talk(t, visa(t))
	for _, tt := range []struct{ line, want string }{
		{"00A4040007A0000000031010", "! the card has no power; send RESET"},
		{"RESET", "ATR 3BE000008131FE45EB"},
		{"00A40400", "6"},
		{"", ""}, // no answer
		{"00a4040007a000000003101000", "6F"},
		{"00A4X", "! a command is hexadecimal digits in pairs"},
		{"RESET ", "ATR 3B"},
	} {
		if _, err := fmt.Fprintln(conn, tt.line); err != nil {
			t.Fatal(err)
		}
		if tt.line == "" {
			continue
		}
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), tt.want) {
			t.Errorf("%q: %q, want %q", tt.line, lines.Text(), tt.want)
		}
	}
}

// pulled is a card that is gone.
type pulled struct{ chip }

func (pulled) Exchange(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("card\npulled")
}

// A card that gives no answer has lost its power.
func TestProtocolFault(t *testing.T) {
	conn, lines := talk(t, pulled{visa(t)})
	for _, tt := range []struct{ line, want string }{{"RESET", "ATR"}, {"00A40400", "! card pulled"}, {"00A40400", "! the card has no power"}, {"RESET", "ATR"}} {
		fmt.Fprintln(conn, tt.line)
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), tt.want) {
			t.Errorf("%q: %q, want %q", tt.line, lines.Text(), tt.want)
		}
	}
}

// What a server may say, and what the client makes of it.
func TestClient(t *testing.T) {
	for _, tt := range []struct{ says, want string }{
		{"ATR 3B600000\n9000\n", ""},
		{"ATR 3B 60 00 00\r\n90 00\r\n", ""},
		{"ATR 3B600000\n! card pulled\n", "card server: card pulled"},
		{"ATR 3B600000\nnine thousand\n", "not hexadecimal"},
		{"ATR 3B600000\n", "closed the connection"},
		{"3B600000\n", "no line \"ATR 3B...\""},
		{"ATR X\n", "no line \"ATR 3B...\""},
		{"! no card\n", "card server: no card"},
		{"! \x1b[2J 4539 5787 6362 1486\u202e\n", "card server: [2J 0000 0000 0000 0000"},
		{"", "closed the connection"},
		{strings.Repeat("0", 5000) + "\n", "token too long"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			lines := bufio.NewScanner(conn)
			for answer := range strings.Lines(tt.says) {
				if !lines.Scan() {
					return
				}
				fmt.Fprint(conn, answer)
			}
			lines.Scan() // the next question gets none
		}()
		card, err := dial(t.Context(), l.Addr().String())
		if err == nil {
			var answer []byte
			if answer, err = card.Transceive(t.Context(), []byte{0, 0xA4, 4, 0}); err == nil && !bytes.Equal(answer, []byte{0x90, 0}) {
				t.Errorf("%q: answer %X", tt.says, answer)
			}
			card.Close()
		}
		l.Close()
		<-done
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%.40q: %v, want %q", tt.says, err, tt.want)
		}
	}
}

// Nothing of the card comes with the error that ends a transaction, whatever the server says.
func TestErrorIsRedacted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		lines := bufio.NewScanner(conn)
		lines.Scan()
		fmt.Fprintln(conn, "ATR 3B600000")
		lines.Scan()
		fmt.Fprintln(conn, "! card 4539578763621486\x1b[31m pulled")
	}()
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	if got := a.main(t.Context(), []string{"run", "-tcp", l.Addr().String()}); got != exitUnknown {
		t.Errorf("exit code %d", got)
	}
	for _, text := range []string{out.String(), errs.String()} {
		if !strings.Contains(text, "card 0000000000000000[31m pulled") || strings.Contains(text, "\x1b") {
			t.Errorf("%q", text)
		}
	}
}

// script is a card that gives its answers in their order.
type script [][]byte

func (s *script) Transceive(context.Context, []byte) ([]byte, error) {
	next := (*s)[0]
	*s = (*s)[1:]
	return next, nil
}

// A T=0 card may hand out an answer in parts: a number that is in two of them is in neither line of the trace.
// What comes by GET RESPONSE is decoded as the answer to the command before.
func TestTraceOfParts(t *testing.T) {
	for _, tt := range []struct {
		command string
		answers []string
		want    string
	}{
		{"00B2010C00", []string{"700C5A08453957876105", "36214869000042000000009000"}, "< 9000 success"},
		{"80A8000002830000", []string{"6108", "80063C00080101009000"}, "94 Application File Locator (AFL): 08010100"},
	} {
		var out bytes.Buffer
		card := &script{}
		for _, a := range tt.answers {
			b, _ := unhex(a)
			*card = append(*card, b)
		}
		s := &session{tracer: tracer{app: &app{stdout: &out}, options: &runOptions{}, redactor: transcript.NewRedactor()}, source: &source{card: card}}
		for _, c := range []string{tt.command, "00C0000008"} {
			b, _ := unhex(c)
			if _, err := s.Transceive(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		for _, not := range []string{"45395787", "5787", "362148"} {
			if strings.Contains(out.String(), not) {
				t.Errorf("%s is in\n%s", not, out.String())
			}
		}
		if !strings.Contains(out.String(), tt.want) {
			t.Errorf("no %s in\n%s", tt.want, out.String())
		}
	}
}

// Every example in the help texts does what it is there for: it is understood.
func TestHelpExamples(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, content := range map[string]string{
		"terminal.json": `{"terminal": {"country": 276}}`, "mycard.card": "application visa\npan 4242424242424242\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	for _, text := range append([]string{overview()}, decodeHelp, runHelp, serveHelp) {
		for line := range strings.Lines(text) {
			line, example := strings.CutPrefix(strings.TrimRight(line, "\n"), "  emv ")
			args := strings.Fields(line)
			os.Remove("payment.transcript") // -record makes new files only
			switch {
			case !example:
				continue
			case args[0] == "serve": // it would not end; its flags are tried
				args = append(args, "too much")
			case slices.Contains(args, "-ccid"), slices.Contains(args, "-tcp"): // no reader, no server: anything but wrong usage
				args = append(args, "-timeout", "1s")
			case slices.Contains(args, "-transcript"):
				record := []string{"run", "-card", "visa", "-record", "payment.transcript"}
				if got := (&app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}).main(t.Context(), record); got != exitDone {
					t.Fatal(got)
				}
			}
			ran++
			var errs bytes.Buffer
			got := (&app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &errs}).main(t.Context(), args)
			switch {
			case args[0] == "serve":
				if !strings.Contains(errs.String(), `"too much" is too much`) {
					t.Errorf("emv %s: %s", line, errs.String())
				}
			case slices.Contains(args, "-arc"): // the example is a decline
				if got != exitDeclined {
					t.Errorf("emv %s: exit code %d: %s", line, got, errs.String())
				}
			case slices.Contains(args, "-ccid"), slices.Contains(args, "-tcp"):
				if strings.Contains(errs.String(), "See: emv help") {
					t.Errorf("emv %s: %s", line, errs.String())
				}
			case got != exitDone:
				t.Errorf("emv %s: exit code %d: %s", line, got, errs.String())
			}
		}
	}
	if ran < 15 {
		t.Errorf("%d examples found", ran)
	}
}

// A server that says nothing does not hold the client longer than its context lasts.
func TestClientTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		defer client.Close()
		go func() { bufio.NewScanner(server).Scan() }()
		r := &remote{conn: client, lines: bufio.NewScanner(client)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Transceive(ctx, []byte{0, 0xA4, 4, 0}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// The PIN pad's entries, and that a challenge that is none is not taken for a right PIN.
func TestPad(t *testing.T) {
	for _, tt := range []struct {
		digits, lines string
		pin           emvkernel.OfflinePIN
		want          emvkernel.PINEntry
		sent          string
	}{
		{"1234", "", emvkernel.OfflinePIN{}, emvkernel.PINEntered, "0020008008241234FFFFFFFFFF"},
		{"123456789012", "", emvkernel.OfflinePIN{}, emvkernel.PINEntered, "00200080082C123456789012FF"},
		{"1234", "", emvkernel.OfflinePIN{Again: true}, emvkernel.PINEntered, "0020008008241234FFFFFFFFFF"},
		{"9999,1234", "", emvkernel.OfflinePIN{}, emvkernel.PINEntered, "0020008008249999FFFFFFFFFF"},
		{"prompt", "4711\n", emvkernel.OfflinePIN{Again: true, TriesLeft: 2}, emvkernel.PINEntered, "0020008008244711FFFFFFFFFF"},
		{"prompt", "\n", emvkernel.OfflinePIN{}, emvkernel.PINCanceled, ""},
		{"prompt", "", emvkernel.OfflinePIN{}, emvkernel.PINCanceled, ""},
		{"prompt", "-\n", emvkernel.OfflinePIN{Bypass: true}, emvkernel.PINBypassed, ""},
	} {
		card := &fake{answer: []byte{0x90, 0x00}}
		p := &pad{card: card, digits: tt.digits, prompt: &bytes.Buffer{}, lines: bufio.NewReader(strings.NewReader(tt.lines))}
		v, err := p.VerifyOffline(t.Context(), tt.pin)
		if err != nil || v.Entry != tt.want || fmt.Sprintf("%X", card.command) != tt.sent {
			t.Errorf("%+v: %+v %v, sent %X", tt, v, err, card.command)
		}
	}
	for answer, want := range map[string]apdu.SW{"9000": apdu.NoPreciseDiagnosis, "6985": apdu.ConditionsOfUse} {
		b, _ := unhex(answer)
		p := &pad{card: &fake{answer: b}, digits: "1234"}
		if v, err := p.VerifyOffline(t.Context(), emvkernel.OfflinePIN{Enciphered: true, Modulus: make([]byte, 128), Exponent: []byte{3}}); err != nil || v.SW != want || !v.Challenge {
			t.Errorf("challenge %s: %+v, %v", answer, v, err)
		}
	}
	for _, line := range []string{"-\n", "123\n", "12a4\n", "1234567890123\n"} {
		p := &pad{card: &fake{}, digits: "prompt", prompt: &bytes.Buffer{}, lines: bufio.NewReader(strings.NewReader(line))}
		if _, err := p.VerifyOffline(t.Context(), emvkernel.OfflinePIN{}); err == nil || strings.Contains(err.Error(), strings.TrimSpace(line)) && line != "-\n" {
			t.Errorf("%q: %v", line, err)
		}
	}
}

type fake struct{ command, answer []byte }

func (f *fake) Transceive(_ context.Context, command []byte) ([]byte, error) {
	f.command = command
	return f.answer, nil
}

const sampleConfig = `{"test": true,
 "terminal": {"type": "25", "capabilities": "6028C8", "additionalCapabilities": "600000A001", "country": 276, "serialNumber": "12345678",
  "merchantId": "M", "terminalId": "T", "merchantName": "N", "mcc": 5411, "acquirerId": "0102", "languages": ["de", "en"]},
 "applications": [{"aid": "A0000000031010", "brand": "visa", "partialMatch": true, "version": "0096", "tacDenial": "0010000000",
  "tacOnline": "DC4004F800", "tacDefault": "DC4000A800", "floorLimit": 5000, "floorCurrency": "EUR", "randomThreshold": 100, "randomTarget": 5, "randomMaximum": 10,
  "defaultDDOL": "9F3704", "defaultTDOL": "", "capabilities": "20B8C8", "additionalCapabilities": "600000A001", "country": 840, "offlineApproval": true, "pinBypass": true}],
 "revoked": [{"rid": "A000000003", "index": "E7", "serial": "010203"}]}`

func TestConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terminal.json")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(sampleConfig)
	cfg, _, err := readConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	a, term := cfg.Applications[0], cfg.Terminal
	if len(cfg.Applications) != 1 || a.TACOnline != [5]byte{0xDC, 0x40, 0x04, 0xF8, 0x00} || *a.Capabilities != [3]byte{0x20, 0xB8, 0xC8} || !a.OfflineApproval || !a.PINBypass ||
		a.FloorLimit != 5000 || a.FloorCurrency != 978 || a.RandomMaximum != 10 || a.Version != [2]byte{0, 0x96} || a.Country != 840 {
		t.Errorf("%+v", a)
	}
	if term.Type != 0x25 || term.Country != 276 || term.Languages[0] != "de" || term.MCC != 5411 || string(term.AcquirerID) != "\x01\x02" || term.Capabilities[0] != 0x60 {
		t.Errorf("%+v", term)
	}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	for s, want := range map[string]string{
		`{`: "unexpected EOF", `{"terminals": {}}`: ": unknown field", `{"terminal": {"type": "2"}}`: "terminal: type has 1 hexadecimal digits, an odd number",
		`{"terminal": {"capabilities": "20X8C8"}}`: "terminal: capabilities is not hexadecimal", `{"applications": [{"aid": "A00"}]}`: "applications[0]: aid has 3 hexadecimal digits, an odd number",
		`{"caKeys": [{"modulus": "ABC"}]}`: "caKeys[0]: modulus has 3 hexadecimal digits, an odd number", `{"revoked": [{"rid": "0"}]}`: "revoked[0]: rid has 1 hexadecimal digits",
		`{"terminal": {"country": "DE"}}`: "terminal.country: a number up to 65535 is wanted, not string", `{"applications": [{"randomTarget": 300}]}`: "applications.randomTarget: a number up to 255 is wanted, not number 300",
		`{"applications": {}}`: "applications: a list in brackets is wanted, not object", `{"applications": [{"aid": 3, "version": "0096"}]}`: "applications.aid: text in quotation marks is wanted, not number",
		`{"applications": [{"pinBypass": "yes"}]}`: "true or false is wanted, not string", "{\n\n\"test\": tru}": "line 3: ",
		`{"terminal": {"type": "2222"}}`: "terminal: type has 2 bytes, want 1", `{"applications": [{"aid": "A0000000031010"}]}`: "applications[0]: version has 0 bytes, want 2",
		`{"applications": [{"floorCurrency": "euros"}]}`: `"euros" is no currency`, `{"caKeys": [{"rid": "A0"}]}`: "caKeys[0]: rid has 1 bytes, want 5", `{"revoked": [{"rid": "A000000003", "index": "E7", "serial": "01"}]}`: "revoked[0]: serial has 1 bytes, want 3",
	} {
		write(s)
		if _, _, err := readConfig(path); !errors.Is(err, errSetup) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
	write(`{"caKeys": [{"rid": "A000000003", "index": "92", "modulus": "` + strings.Repeat("AB", 128) + `", "exponent": "03", "expiry": "2031-12", "mode": "test"}], "test": false}`)
	if cfg, _, err = readConfig(path); err != nil || len(cfg.CAKeys) != 1 || !cfg.CAKeys[0].Test || cfg.CAKeys[0].Index != 0x92 || cfg.CAKeys[0].Check() != nil {
		t.Error(cfg, err)
	}
}

// Whatever stands in a configuration, it is refused with a reason or makes one that can be validated.
func FuzzConfig(f *testing.F) {
	f.Add(sampleConfig)
	f.Add(`{"caKeys": [{"rid": "A000000003", "index": "92", "modulus": "AB", "exponent": "03"}]}`)
	f.Add(`{"contactless": [{"aid": "A0000000031010", "kernel": "c3", "ttq": "3600C080", "limits": [{"currency": "usd", "floor": 0}]}, {"aid": "A0000000041010", "kernel": "c2", "version": "0002"}, {"aid": "A00000002501", "kernel": "insert", "kernelId": 4}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		var c file
		if err := json.Unmarshal([]byte(s), &c); err != nil {
			return
		}
		cfg := emvtest.TerminalConfig()
		if err := c.apply(&cfg); err == nil {
			cfg.Validate()
		}
		if taps, err := contactless(&cfg, c.Contactless); err == nil {
			taps.Validate()
		}
	})
}

// Whatever is decoded, masked it is as long as before and no program dies of it.
func FuzzMask(f *testing.F) {
	f.Add("tlv", []byte{0x5A, 8, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42})
	f.Add("57", []byte{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0xD3, 0x11, 0x22, 0x01})
	f.Add("response", []byte{0x90, 0x00})
	f.Add("command", []byte{0x00, 0x20, 0x00, 0x80, 8, 0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, kind string, b []byte) {
		n := len(b)
		mask(kind, b)
		if len(b) != n {
			t.Fatal("another length")
		}
	})
}

// A card in a USB chip card reader, which is emulated below the driver.
func TestReader(t *testing.T) {
	usb := ccidtest.New(ccidtest.Options{})
	if err := usb.Insert(visa(t)); err != nil {
		t.Fatal(err)
	}
	src, err := openReader(t.Context(), ccid.Options{Open: usb.Open})
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	cfg, _, err := readConfig("")
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	o := &runOptions{issuer: "test", ccid: true, currency: "USD", exponent: 2, kind: "00", amount: 1250, random: 1, un: "01020304", date: "2026-11-21"}
	params, err := o.params()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{tracer: tracer{app: &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}, options: o, redactor: transcript.NewRedactor()}, cfg: cfg, source: src}
	if err := s.run(t.Context(), params); err != nil || !strings.Contains(out.String(), "approved: issuer and card approved") {
		t.Errorf("%v\n%s%s", err, out.String(), errs.String())
	}
}

// What is recorded without -clear has no card data, and the file is the owner's alone.
func TestRecordIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.transcript")
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	if got := a.main(t.Context(), []string{"run", "-card", "visa", "-record", path}); got != exitDone {
		t.Fatal(got, errs.String())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if tr, err := transcript.Parse(bytes.NewReader(b)); err != nil || !tr.Redacted {
		t.Error(err)
	}
	for what, text := range map[string]string{"transcript": string(b), "trace": out.String()} {
		if strings.Contains(text, "4242424242") || strings.Contains(text, fmt.Sprintf("%X", "TEST/CARD")) {
			t.Errorf("card data in the %s", what)
		}
	}
}
