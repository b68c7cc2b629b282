package emvkernel_test

import (
	"context"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
)

// A payment with a chip card: collect, ask the issuer, complete.
func Example() {
	profile, err := emvtest.Load("visa")
	if err != nil {
		fmt.Println(err)
		return
	}
	card := emvtest.NewCard(profile, nil) // in a reader: a powered card of package hal
	cfg := emvtest.TerminalConfig()
	if err := cfg.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	tx, err := emvkernel.NewTransaction(&cfg, emvkernel.Params{
		Amount:              1250, // 12.50
		Currency:            840,  // US dollars
		Exponent:            2,
		Time:                time.Date(2026, time.November, 21, 12, 34, 56, 0, time.UTC),
		UnpredictableNumber: [4]byte{0x5A, 0x17, 0xC0, 0x03}, // in a reader: crypto/rand
	}, card, nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tx.Wipe()

	outcome, err := tx.Collect(ctx)
	if err != nil {
		fmt.Println(err) // the card was pulled, or the reader broke
		return
	}
	fmt.Println(outcome.Kind, "- card authenticated:", tx.Authenticated())
	if outcome.Kind != emvkernel.OnlineRequest {
		return
	}

	// tx.ACData() goes to the issuer. Without an answer: see the example of Complete.
	arc := [2]byte{'0', '0'}
	arpc, err := emvtest.NewIssuer().Respond(tx.ACData(), arc)
	if err != nil {
		fmt.Println(err)
		return
	}
	outcome, err = tx.Complete(ctx, emvkernel.Answer{
		Kind:                     emvkernel.IssuerAnswered,
		ARC:                      arc,
		IssuerAuthenticationData: arpc,
	})
	if err != nil || outcome.Reverse {
		// The issuer approved and the card did not end with it: the approval is undone at the issuer.
		fmt.Println("to be reversed:", outcome.Reason, err)
		return
	}
	fmt.Println(outcome.Kind, "- card", tx.Card().Brand, tx.Card().PAN, "ending in", tx.Card().Last4)
	// Output:
	// online request - card authenticated: true
	// approved - card visa [secret] ending in 4242
}

// A payment that is deferred: the issuer cannot be reached, and is asked later.
func ExampleTransaction_Complete() {
	profile, err := emvtest.Load("visa")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cfg := context.Background(), emvtest.TerminalConfig()
	tx, err := emvkernel.NewTransaction(&cfg, emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.November, 21, 12, 34, 56, 0, time.UTC),
		NoOnlinePIN: true, // nobody could verify it
	}, emvtest.NewCard(profile, nil), nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tx.Wipe()
	outcome, err := tx.Collect(ctx)
	if err != nil || outcome.Kind != emvkernel.OnlineRequest || !tx.Authenticated() {
		fmt.Println("nothing to be stored:", outcome.Kind, err)
		return
	}
	data := tx.ACData() // what is stored, sealed, and forwarded: of the first GENERATE AC
	defer data.Wipe()

	// The card is asked for an AAC and may go. That it declines is in order and not the payment's outcome; that
	// it was there to the end is: who pulls a card early believes that nothing was paid.
	outcome, err = tx.Complete(ctx, emvkernel.Answer{Kind: emvkernel.Deferred})
	if err != nil {
		fmt.Println("nothing to be stored:", err)
		return
	}
	fmt.Println(outcome.Kind, "by the kernel, and stored:", len(data) > 0, data)
	// Output:
	// declined by the kernel, and stored: true [secret]
}
