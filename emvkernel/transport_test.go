package emvkernel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
)

// EMV fact 19: the procedure of T=0, where the transport leaves it to the kernel: '61xx' is fetched with
// GET RESPONSE, in as many parts as it takes, '6Cxx' is asked again, a warning's data waits behind it.
func TestTransportProcedure(t *testing.T) {
	const found = selectMC + noFile + selectVisa + visaFCI
	tests := []struct{ name, transcript, aid string }{
		{"61xx is fetched", selectDirectory + noFile + selectVisa + "< 6113\n> 00C0000013\n" + visaFCI + found, "A0000000031010"},
		{"61xx in parts", selectDirectory + noFile + selectVisa + "< 6113\n> 00C0000013\n< 6F11 8407 A0000000031010 6108\n> 00C0000008\n< A506 5004 56495341 9000\n" + found, "A0000000031010"},
		{"61xx with the first part", selectDirectory + noFile + selectVisa + "< 6F11 8407 A0000000031010 6108\n> 00C0000008\n< A506 5004 56495341 9000\n" + found, "A0000000031010"},
		{"6Cxx is asked again with the length", selectDirectory + directoryFCI + readFirst + "< 6C16\n> 00B2010C16\n" + visaEntry + readSecond + noRecord + selectVisa + visaFCI, "A0000000031010"},
		{"GET RESPONSE corrected by 6Cxx", selectDirectory + noFile + selectVisa + "< 6100\n> 00C0000000\n< 6C13\n> 00C0000013\n" + visaFCI + found, "A0000000031010"},
		{"6Cxx, then 61xx", selectDirectory + directoryFCI + readFirst + "< 6C16\n> 00B2010C16\n< 6116\n> 00C0000016\n" + visaEntry + readSecond + noRecord + selectVisa + visaFCI, "A0000000031010"},
		{"a warning with its data behind it", selectDirectory + noFile + selectVisa + "< 6283\n> 00C0000000\n< 6F13 8408 A000000003101001 A507 5005 4649525354 9000\n" +
			nextVisa + visa2FCI + nextVisa + noFile + selectMC + noFile + selectVisa2 + visa2FCI, "A000000003101002"},
		{"a warning with its data behind it, of another length", selectDirectory + noFile + selectVisa + "< 6283\n> 00C0000000\n< 6C15\n> 00C0000015\n< 6F13 8408 A000000003101001 A507 5005 4649525354 9000\n" +
			nextVisa + visa2FCI + nextVisa + noFile + selectMC + noFile + selectVisa2 + visa2FCI, "A000000003101002"},
		{"a warning with its data behind it, in parts", selectDirectory + noFile + selectVisa + "< 6283\n> 00C0000000\n< 6F13 8408 A000000003101001 6109\n> 00C0000009\n< A507 5005 4649525354 9000\n" +
			nextVisa + visa2FCI + nextVisa + noFile + selectMC + noFile + selectVisa2 + visa2FCI, "A000000003101002"},
		{"a warning with its data behind it, warning again", selectDirectory + noFile + selectVisa + "< 6283\n> 00C0000000\n< 6F13 8408 A000000003101001 A507 5005 4649525354 6283\n" +
			nextVisa + visa2FCI + nextVisa + noFile + selectMC + noFile + selectVisa2 + visa2FCI, "A000000003101002"},
		{"a warning with nothing behind it", selectDirectory + "< 6283\n> 00C0000000\n< 6F00\n" + selectVisa + visaFCI + found, "A0000000031010"},
		{"a warning with an empty answer behind it", selectDirectory + "< 6283\n> 00C0000000\n< 9000\n" + selectVisa + visaFCI + found, "A0000000031010"},
		{"a warning to a command without data has nothing behind it", selectDirectory + directoryFCI + readFirst + "< 6282\n" + selectVisa + visaFCI + found, "A0000000031010"},
		{"an error behind 61xx is the answer", selectDirectory + noFile + selectVisa + "< 6113\n> 00C0000013\n< 6F00\n" + selectMC + mcFCI + selectMC + mcFCI, "A0000000041010"},
		{"256 bytes in parts", selectDirectory + "< 61F0\n> 00C00000F0\n< " + zeros(240) + "6110\n> 00C0000010\n< " + zeros(16) + "9000\n" + selectVisa + visaFCI + found, "A0000000031010"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tx := begin(t, terminal(), payment(), play(t, tt.transcript), nil)
			if out, err := tx.BuildCandidates(t.Context()); err != nil || out.Kind != emvkernel.Undecided {
				t.Fatal(out, err)
			}
			if out, err := tx.SelectApplication(t.Context()); err != nil || out.Kind != emvkernel.Undecided {
				t.Fatal(out, err)
			}
			if got := tx.Card().AID; !bytes.Equal(got, unhex(t, tt.aid)) {
				t.Errorf("selected %X", got)
			}
		})
	}
}

func zeros(n int) string { return fmt.Sprintf("%0*d", 2*n, 0) }

// Every way to go on answering for ever has a bound, and so has how much an answer may be.
func TestTransportBounds(t *testing.T) {
	tests := []struct {
		name     string
		answer   func(c apdu.Command, n int) string
		commands int // of one exchange
	}{
		{"61xx for ever, a byte each time", func(apdu.Command, int) string { return "00 6101" }, 1 + 32},
		{"61xx for ever, with nothing", func(apdu.Command, int) string { return "6110" }, 1 + 32},
		{"61xx for ever, behind a warning", func(c apdu.Command, n int) string {
			if n == 0 {
				return "6283"
			}
			return "6110"
		}, 1 + 1 + 32},
		{"6Cxx for ever", func(apdu.Command, int) string { return "6C10" }, 2},
		{"6Cxx for ever, to GET RESPONSE", func(c apdu.Command, n int) string {
			if c.INS == apdu.INSGetResponse {
				return "6C10"
			}
			return "6110"
		}, 1 + 2},
		{"61xx and 6Cxx in turn", func(c apdu.Command, n int) string { return []string{"6110", "6C20"}[n%2] }, 1 + 2*32},
		{"6Cxx with data, which is neither", func(apdu.Command, int) string { return "00 6C10" }, 1},
		{"257 bytes in parts", func(apdu.Command, int) string { return zeros(129) + "6181" }, 2},
		{"257 bytes at once", func(apdu.Command, int) string { return zeros(257) + "9000" }, 1},
		{"half a status word", func(apdu.Command, int) string { return "90" }, 1},
		{"nothing", func(apdu.Command, int) string { return "" }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Before anything started another try may help; after that the card broke a rule.
			n := 0
			tx := begin(t, terminal(), payment(), link(func(_ context.Context, command []byte) ([]byte, error) {
				c, err := apdu.ParseCommand(command)
				n++
				return unhex(t, tt.answer(c, n-1)), err
			}), nil)
			if out := collect(t, tx); out.Kind != emvkernel.TryAgain || n != tt.commands {
				t.Errorf("%v after %d commands, want %d", out, n, tt.commands)
			}

			n = 0
			s := newStub()
			started := false
			tx = begin(t, terminal(), payment(), link(func(ctx context.Context, command []byte) ([]byte, error) {
				c, err := apdu.ParseCommand(command)
				if started = started || c.INS == apdu.INSGetProcessingOptions; !started {
					return s.Transceive(ctx, command)
				}
				n++
				return unhex(t, tt.answer(c, n-1)), err
			}), nil)
			if out := collect(t, tx); out.Kind != emvkernel.Terminated || n != tt.commands {
				t.Errorf("later: %v after %d commands, want %d", out, n, tt.commands)
			}
		})
	}
}

// link is a function that answers commands.
type link func(ctx context.Context, command []byte) ([]byte, error)

func (l link) Transceive(ctx context.Context, command []byte) ([]byte, error) { return l(ctx, command) }

// An answer that is one but says nothing: '61xx', and GET RESPONSE brings no data.
func TestGetResponseOfNothing(t *testing.T) {
	for _, ins := range []byte{apdu.INSGetProcessingOptions, apdu.INSReadRecord, apdu.INSGenerateAC} {
		s := newStub()
		empty := false
		tx := begin(t, terminal(), payment(), link(func(ctx context.Context, command []byte) ([]byte, error) {
			switch {
			case command[1] == ins:
				empty = true
				return []byte{0x61, 0x10}, nil
			case empty:
				return []byte{0x90, 0x00}, nil
			}
			return s.Transceive(ctx, command)
		}), nil)
		if out := collect(t, tx); out.Kind != emvkernel.Terminated {
			t.Errorf("%02X: %v", ins, out)
		}
	}
}

// faulty is a card that does something wrong at one command. Every command it is given still reaches
// the card: what fails is the answer.
type faulty struct {
	card  emvkernel.Transceiver
	at    int // which command, from 0
	fault fault

	n         int
	hit       bool
	ins       byte // the command the fault hit; GET RESPONSE belongs to the command before it
	initiated bool // whether GET PROCESSING OPTIONS was among those before it
	second    bool // it was the second GENERATE AC
	last      []byte
	current   byte
	acs       int
}

// fault turns an answer into another one. again counts the commands since the fault began; nil means
// that this command is answered as it should be.
type fault func(ctx context.Context, answer, last []byte, again int) ([]byte, error)

func (f *faulty) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := f.card.Transceive(ctx, command)
	if err != nil {
		return nil, err
	}
	if command[1] != apdu.INSGetResponse {
		f.current = command[1]
		if f.current == apdu.INSGenerateAC {
			f.acs++
		}
	}
	defer func() { f.n++; f.last = answer }()
	if f.n >= f.at {
		wrong, err := f.fault(ctx, answer, f.last, f.n-f.at)
		if err != nil || wrong != nil {
			if !f.hit {
				f.hit, f.ins, f.second = true, f.current, f.acs == 2
			}
			return wrong, err
		}
	}
	if f.current == apdu.INSGetProcessingOptions && !f.hit {
		f.initiated = true
	}
	return answer, nil
}

// once is a fault of one answer; the card goes on as if nothing were.
func once(change func(answer, last []byte) []byte) fault {
	return func(_ context.Context, answer, last []byte, again int) ([]byte, error) {
		if again > 0 {
			return nil, nil
		}
		return change(answer, last), nil
	}
}

func says(b ...byte) fault { return once(func(_, _ []byte) []byte { return b }) }

// withData changes the data and leaves the status word; an answer without data stays.
func withData(change func([]byte) []byte) fault {
	return once(func(answer, _ []byte) []byte {
		n := len(answer) - 2
		if n == 0 {
			return nil
		}
		return append(change(bytes.Clone(answer[:n])), answer[n:]...)
	})
}

func forever(b ...byte) fault {
	return func(context.Context, []byte, []byte, int) ([]byte, error) { return b, nil }
}

var transportFaults = map[string]fault{
	"pulled": func(context.Context, []byte, []byte, int) ([]byte, error) {
		return nil, fmt.Errorf("slot: %w", errPulled)
	},
	"stalls": func(ctx context.Context, _, _ []byte, _ int) ([]byte, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("slot: %w", ctx.Err())
	},
	"no answer":            says([]byte{}...),
	"half a status word":   says(0x90),
	"no data":              withData(func([]byte) []byte { return nil }),
	"garbage":              withData(func([]byte) []byte { return []byte{0xFF, 0x9F, 0x80, 0x84} }),
	"zeros":                withData(func(b []byte) []byte { return make([]byte, len(b)) }),
	"one byte less":        withData(func(b []byte) []byte { return b[:len(b)-1] }),
	"one byte more":        withData(func(b []byte) []byte { return append(b, 0x00) }),
	"said twice":           withData(func(b []byte) []byte { return append(b, b...) }),
	"too much":             says(append(make([]byte, 257), 0x90, 0x00)...),
	"as much as there can": says(append(make([]byte, 256), 0x90, 0x00)...),
	"the answer before": once(func(answer, last []byte) []byte {
		if bytes.Equal(answer, last) {
			return nil
		}
		return last
	}),
	"9000 alone":          says(0x90, 0x00),
	"warning":             says(0x62, 0x83),
	"verification failed": says(0x63, 0xC2),
	"not here":            says(0x6A, 0x82),
	"not now":             says(0x69, 0x85),
	"not at all":          says(0x6D, 0x00),
	"no diagnosis":        says(0x6F, 0x00),
	"61xx for ever":       forever(0x61, 0x10),
	"6Cxx for ever":       forever(0x6C, 0x10),
	"no status known":     says(0x12, 0x34),
}

// A card that breaks off, stalls, talks nonsense, too little or too much, at every command of a payment,
// both protocols, with and without directory: the payment ends, and never because of it in an approval
// or an online request. Where EMV goes another way (no usable directory: the list of AIDs; no counter:
// the limits count as exceeded; no signature: the payment is not authenticated), that way is taken.
func TestFaultAtEveryCommand(t *testing.T) {
	for _, c := range []struct{ name, profile string }{
		{"DDA", visa},
		{"with a counter", visa + "oda none\noffline-limits 1 2\n"},
		{"CDA", mastercard},
		{"T=0", "transport t0\n" + visa + "oda none\n"},
		{"no directory", "pse no\n" + mastercard + "oda none\n"},
		{"data in PDOL", "application amex\npan 378282246310005\n"},
		{"approves offline", offlineCard},
		{"offline PIN, with a counter of tries", visa + "cvm plain-pin always\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// One card for all payments but the first: another one costs more than a payment.
			card := software(t, c.profile)
			clean := pay(t, &faulty{card: software(t, c.profile), at: 1 << 20})
			if clean.err != nil || clean.out.Kind != emvkernel.OnlineRequest && clean.out.Kind != emvkernel.Approved {
				t.Fatal(clean.out, clean.err)
			}
			if clean.out.Kind == emvkernel.OnlineRequest && clean.end.Kind != emvkernel.Approved {
				t.Fatal(clean.end, clean.endErr)
			}
			for name, fault := range transportFaults {
				for at := range clean.commands {
					card.Reset()
					f := &faulty{card: card, at: at, fault: fault}
					checkFault(t, fmt.Sprintf("%s at command %d", name, at), name, f, pay(t, f), clean)
				}
			}
		})
	}
}

// paid is what became of a payment.
type paid struct {
	out, end      emvkernel.Outcome // of Collect and of Complete
	err, endErr   error
	authenticated bool
	tvr           emvkernel.TVR
	commands      int
}

var testIssuer = sync.OnceValue(func() *emvtest.Issuer { return emvtest.NewIssuer() })

// pay runs a payment, and if the fault did not come before that, an issuer's approval, within ten seconds
// of the bubble's clock.
func pay(t *testing.T, f *faulty) (p paid) {
	t.Helper()
	if f.fault == nil {
		f.fault = func(context.Context, []byte, []byte, int) ([]byte, error) { return nil, nil }
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cfg := emvtest.TerminalConfig()
		for i := range cfg.Applications {
			cfg.Applications[i].FloorLimit = 5000
			cfg.Applications[i].OfflineApproval = true
		}
		params := payment()
		params.PINPad = &pad{verdicts: entered(0x9000)}
		tx := begin(t, &cfg, params, f, nil)
		p.out, p.err = tx.Collect(ctx)
		p.authenticated, p.tvr = tx.Authenticated(), tx.TVR()
		if p.err == nil && p.out.Kind == emvkernel.OnlineRequest && !f.hit {
			iad, err := testIssuer().Respond(tx.ACData(), [2]byte{'0', '0'})
			if err != nil {
				t.Fatal(err)
			}
			p.end, p.endErr = tx.Complete(ctx, emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'}, IssuerAuthenticationData: iad})
		}
	})
	p.commands = f.n
	return p
}

func checkFault(t *testing.T, where, name string, f *faulty, got, clean paid) {
	t.Helper()
	if !f.hit {
		return // nothing to spoil at this command
	}
	want := map[string]error{"pulled": errPulled, "stalls": context.DeadlineExceeded}[name]
	if want != nil {
		// The link is gone: nothing can be said, by whichever step.
		if !errors.Is(got.err, want) && !errors.Is(got.endErr, want) {
			t.Errorf("%s: %v %v, %v %v", where, got.out, got.err, got.end, got.endErr)
		}
		return
	}
	if got.err != nil || got.endErr != nil {
		t.Errorf("%s: an answer of the card became an error: %v, %v", where, got.err, got.endErr)
		return
	}
	good := got.out.Kind == emvkernel.OnlineRequest || got.out.Kind == emvkernel.Approved
	switch {
	case f.second:
		if got.end.Kind == emvkernel.Approved || !got.end.Reverse {
			t.Errorf("%s: completed as %v", where, got.end)
		}
	case f.ins == apdu.INSExternalAuthenticate:
		// The card decides what to make of it; the terminal only keeps its bit.
	case f.ins == apdu.INSGetProcessingOptions, f.ins == apdu.INSGenerateAC, f.ins == apdu.INSReadRecord && f.initiated:
		switch got.out.Kind {
		case emvkernel.Terminated, emvkernel.NotAccepted, emvkernel.Declined:
		default:
			t.Errorf("%s (%02X): %v", where, f.ins, got.out)
		}
	case f.ins == apdu.INSSelect, f.ins == apdu.INSReadRecord:
		// Another way to the same application, or none.
		if good && (got.out != clean.out || got.tvr[0] != clean.tvr[0] || got.authenticated != clean.authenticated) {
			t.Errorf("%s (%02X): %v, TVR %v", where, f.ins, got.out, got.tvr)
		}
	case f.ins == apdu.INSInternalAuthenticate:
		if got.authenticated || got.out.Kind == emvkernel.Approved || good && !got.tvr.Has(emvkernel.DDAFailed) {
			t.Errorf("%s (%02X): %v, TVR %v", where, f.ins, got.out, got.tvr)
		}
	case f.ins == apdu.INSGetData:
		// A limit is exceeded that was, or both where a counter could not be read. What is lost is "new card".
		if good && got.tvr[3]&clean.tvr[3] != clean.tvr[3] {
			t.Errorf("%s (%02X): %v, TVR %v", where, f.ins, got.out, got.tvr)
		}
	default:
		t.Errorf("%s: command %02X is not judged", where, f.ins)
	}
}
