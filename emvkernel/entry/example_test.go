package entry_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// suiteKernel is a kernel of a conformance suite: it says what it was started with, and comes to the outcome
// that the test case has next.
type suiteKernel struct{ outcomes []tap.Outcome }

func (k *suiteKernel) ID() tap.KernelID { return tap.KernelVisa }

func (k *suiteKernel) Check(*tap.Combination, *emvkernel.Config) error { return nil }

func (k *suiteKernel) Activate(_ context.Context, a *tap.Activation) (tap.Outcome, error) {
	fmt.Printf("kernel 3 at %s: UN %X, TTQ %X, again %v\n", a.Start, a.Params.UnpredictableNumber, a.Indicators.TTQ, a.Again)
	out := k.outcomes[0]
	k.outcomes = k.outcomes[1:]
	return out, nil
}

// suiteCard is a card of the suite: a directory with one application of Visa, which asks for the terminal's
// qualifiers. There is nothing else in it, because the kernel of the suite sends it nothing.
type suiteCard struct{}

func (suiteCard) Transceive(_ context.Context, command []byte) ([]byte, error) {
	const (
		directory   = "6F20 840E325041592E5359532E4444463031 A50E BF0C0B 6109 4F07A0000000031010"
		application = "6F11 8407A0000000031010 A506 9F3803 9F6604"
	)
	for name, answer := range map[string]string{apdu.PPSE: directory, "\xA0\x00\x00\x00\x03\x10\x10": application} {
		if bytes.Contains(command, []byte(name)) {
			return append(unspaced(answer), 0x90, 0x00), nil
		}
	}
	return []byte{0x6A, 0x82}, nil
}

func unspaced(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// suiteField is the suite's lower tester: it presents the card each time the field is switched on.
type suiteField struct{}

func (suiteField) Activate(context.Context) (emvkernel.Transceiver, error) {
	fmt.Println("field on")
	return suiteCard{}, nil
}
func (suiteField) WaitRemoval(context.Context) error { return nil }
func (suiteField) Off() error                        { fmt.Println("field off"); return nil }

// A conformance suite drives Entry Point start point by start point: everything around it is given, and
// everything it comes to can be read. The file of this example needs no other: copy it into a module of your own.
func Example() {
	kernel := &suiteKernel{outcomes: []tap.Outcome{
		{
			Kind: tap.TryAgain, Start: tap.StartB, FieldOff: 1300 * time.Millisecond,
			UI:      &tap.UIRequest{Message: tap.SeePhone, Status: tap.StatusProcessingError},
			Restart: &tap.UIRequest{Message: tap.SeePhone, Status: tap.ReadyToRead},
		},
		{Kind: tap.EndApplication, Reason: "end of the test case"},
	}}
	cvmLimit := int64(1000)
	config := &entry.Config{
		EMV: &emvkernel.Config{Terminal: emvkernel.Terminal{Type: 0x22, Country: 840}},
		Combinations: []tap.Combination{{
			AID: []byte{0xA0, 0x00, 0x00, 0x00, 0x03, 0x10, 0x10}, Kernel: kernel, Brand: "visa", TTQ: &[4]byte{0x26, 0x00, 0x40, 0x00},
			Limits: []tap.Limits{{Currency: 840, CVMRequired: &cvmLimit}},
		}},
	}
	if err := config.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	number := byte(0)
	tx, err := entry.New(config, emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.November, 21, 12, 34, 56, 0, time.UTC),
	}, entry.Environment{
		Field: suiteField{},
		UI:    func(r tap.UIRequest) { fmt.Println(r) },
		UN:    func() ([4]byte, error) { number++; return [4]byte{0, 0, 0, number}, nil },
		Hold:  func(_ context.Context, d time.Duration) error { fmt.Println("hold", d); return nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range tx.Combinations() {
		fmt.Printf("%X: CVM required %v, not allowed %v\n", c.AID, c.Indicators.CVMRequired, c.Indicators.NotAllowed)
	}

	for start := tap.StartA; start != tap.NoStart; {
		outcome, err := tx.Step(context.Background(), start)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("outcome:", outcome.Kind, "start", outcome.Start, "CVM", outcome.CVM, "receipt", outcome.Receipt)
		if start, err = tx.Process(outcome); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(tx.Traffic())
	// Output:
	// A0000000031010: CVM required true, not allowed false
	// message 15 status 02
	// field on
	// message 16 status 03
	// kernel 3 at A: UN 00000001, TTQ 26404000, again false
	// outcome: try again start B CVM n/a receipt false
	// message 20 status 05
	// field off
	// hold 1.3s
	// message 20 status 02
	// field on
	// message 16 status 03
	// kernel 3 at B: UN 00000002, TTQ 26404000, again true
	// outcome: end application start n/a CVM n/a receipt false
	// field off
	// 4 66 114
}
