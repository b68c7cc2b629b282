package tap_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// smallKernel is a kernel of a package of its own, as small as one can be: options, records, one cryptogram, and the
// issuer decides. It has neither card authentication nor cardholder verification.
type smallKernel struct{}

// decision is what only the answer to GENERATE AC may give.
var decision = []tlv.Tag{0x9F26, 0x9F27, 0x9F36, 0x9F10}

func (smallKernel) ID() tap.KernelID { return tap.KernelEMV }

func (smallKernel) Check(c *tap.Combination, _ *emvkernel.Config) error {
	if len(c.Limits) == 0 {
		return errors.New("no limits; give at least one entry")
	}
	return nil
}

func (smallKernel) Activate(ctx context.Context, a *tap.Activation) (tap.Outcome, error) {
	o := tap.NewObjects(a, decision...)
	defer o.Wipe()
	err := cryptogram(ctx, a, o)
	switch {
	case ctx.Err() != nil:
		return tap.Outcome{}, err
	case err != nil:
		return tap.Outcome{Kind: tap.EndApplication, Reason: err.Error()}, nil
	}
	reading, ok := tap.NewReading(o, tap.Facts{CVM: tap.NoCVM, Method: "none"})
	switch {
	case !ok:
		return tap.Outcome{Kind: tap.EndApplication, Reason: "no account"}, nil
	case reading.Decision() != apdu.RequestARQC:
		return tap.Outcome{Kind: tap.Declined, Reading: reading}, nil
	}
	return tap.Outcome{
		Kind: tap.OnlineRequest, CVM: tap.NoCVM, Reading: reading,
		UI: &tap.UIRequest{Message: tap.Authorising, Status: tap.NotReady},
	}, nil
}

// cryptogram leads from the FCI to the card's decision.
func cryptogram(ctx context.Context, a *tap.Activation, o *tap.Objects) error {
	fci, err := tlv.Parse(a.FCI)
	if err != nil {
		return err
	}
	if err := tlv.Walk(fci[0].Value, func(_ int, e tlv.Element) error { return o.FromCard(e) }); err != nil {
		return err
	}
	pdol, err := tlv.ParseDOL(o.Get(0x9F38))
	if err != nil {
		return err
	}
	resp, err := a.Card.Send(ctx, apdu.GetProcessingOptions(pdol.Build(o.Get)))
	if err != nil {
		return err
	}
	if err := o.FromTemplate(resp.Data, 0x77); err != nil {
		return err
	}
	files, err := apdu.ParseLocator(o.Get(0x94))
	if err != nil {
		return err
	}
	var static oda.StaticData
	defer static.Wipe()
	if err := o.ReadRecords(ctx, a.Card, files, &static); err != nil {
		return err
	}
	a.UI(tap.UIRequest{Message: tap.CardReadOK, Status: tap.CardReadSuccessfully})
	cdol, err := tlv.ParseDOL(o.Get(0x8C))
	if err != nil {
		return err
	}
	if resp, err = a.Card.Send(ctx, apdu.GenerateAC(apdu.RequestARQC, cdol.Build(o.Get))); err != nil {
		return err
	}
	answer, _, err := tlv.ParseOne(resp.Data)
	if err != nil {
		return err
	}
	objects, err := answer.Children()
	for _, e := range objects {
		if slices.Contains(decision, e.Tag) { // else the card could write its amount here
			o.Set(e.Tag, slices.Clone(e.Value)...)
		}
	}
	return err
}

// plasticField has one card in it.
type plasticField struct{ card emvkernel.Transceiver }

func (f plasticField) Activate(context.Context) (emvkernel.Transceiver, error) { return f.card, nil }
func (f plasticField) WaitRemoval(context.Context) error                       { return nil }
func (f plasticField) Off() error                                              { return nil }

// Another kernel is a type that implements Kernel and a Combination that names it. Entry Point and the other kernels
// are not touched, nor do they know of it: here it stands beside what a reader does for kernel 3, and the card names
// the one it wants.
func Example() {
	object := func(tag tlv.Tag, parts ...[]byte) []byte { return tlv.Append(nil, tag, slices.Concat(parts...)...) }
	answer := func(b []byte) string { return fmt.Sprintf("%X9000", b) }
	name := []byte{0xA0, 0, 0, 0, 3, 0x10, 0x10}
	card := script{
		"00A404000E325041592E5359532E444446303100": answer(object(0x6F, object(0x84, []byte(apdu.PPSE)), object(0xA5,
			object(0xBF0C, object(0x61, object(0x4F, name), object(0x87, []byte{1}), object(0x9F2A, []byte{8})))))),
		"00A4040007A000000003101000":        answer(object(0x6F, object(0x84, name), object(0xA5, object(0x9F38, []byte{0x9F, 0x02, 6})))),
		"80A800000883060000000012" + "5000": answer(object(0x77, object(0x82, []byte{0, 0}), object(0x94, []byte{0x08, 1, 1, 0}))),
		"00B2010C00": answer(object(0x70, object(0x57, []byte{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0xD2, 0x71, 0x22, 0x01}),
			object(0x8C, []byte{0x9F, 0x37, 4}), object(0x9F02, make([]byte, 6)))), // the amount is not the card's to give
		"80AE8000040000000100": answer(object(0x77, object(0x9F27, []byte{0x80}), object(0x9F36, []byte{0, 7}),
			object(0x9F26, []byte{1, 2, 3, 4, 5, 6, 7, 8}), object(0x9F10, []byte{6, 1, 10}), object(0x9F02, make([]byte, 6)))),
	}
	config := &entry.Config{
		EMV: &emvkernel.Config{Terminal: emvkernel.Terminal{Type: 0x22, Country: 840}},
		Combinations: []tap.Combination{
			{AID: name, Kernel: tap.Elsewhere(tap.KernelVisa), Brand: "visa"},
			{AID: name, Kernel: smallKernel{}, Brand: "visa", Limits: []tap.Limits{{Currency: 840}}},
		},
	}
	if err := config.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	drawn := uint32(0)
	payment, err := entry.New(config, emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.November, 21, 12, 34, 56, 0, time.UTC),
	}, entry.Environment{
		Field: plasticField{card},
		UI:    func(r tap.UIRequest) { fmt.Println(r) },
		UN: func() (un [4]byte, err error) {
			drawn++
			binary.BigEndian.PutUint32(un[:], drawn)
			return un, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	outcome, err := payment.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer outcome.Reading.Wipe()
	fmt.Println(outcome.Kind, outcome.Reading.Card().Last4)
	data, _ := tlv.Parse(outcome.Reading.ACData())
	amount, _ := tlv.Find(data, 0x9F02)
	fmt.Printf("amount %X\n", amount.Value)
	fmt.Println(payment.Traffic())
	// Output:
	// message 15 status 02
	// message 16 status 03
	// message 17 status 04
	// message 1B status 00
	// online request 4242
	// amount 000000001250
	// 5 62 149
}
