package emvtest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/entry"
)

// A payment of 12.50 dollars: card, kernel and issuer.
func Example() {
	ctx := context.Background()
	profile, err := emvtest.Load("visa")
	if err != nil {
		log.Fatal(err)
	}
	card, issuer, config := emvtest.NewCard(profile, nil), emvtest.NewIssuer(), emvtest.TerminalConfig()

	tx, err := emvkernel.NewTransaction(&config, emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2,
		Time:                time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC),
		UnpredictableNumber: [4]byte{1, 2, 3, 4},
	}, card, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	outcome, err := tx.Collect(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("card:", outcome.Kind)

	check, err := issuer.Check(tx.ACData())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("issuer:", check.Verdict, check.Brand, check.Last4, check.Amount, check.Decision.Approved)

	response, err := issuer.Respond(tx.ACData(), check.Decision.ARC)
	if err != nil {
		log.Fatal(err)
	}
	outcome, err = tx.Complete(ctx, emvkernel.Answer{
		Kind: emvkernel.IssuerAnswered, ARC: check.Decision.ARC, IssuerAuthenticationData: response,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("card:", outcome.Kind)
	// Output:
	// card: online request
	// issuer: genuine visa 4242 1250 true
	// card: approved
}

// A tap: card, Entry Point, kernel and issuer.
func ExampleCard_Contactless() {
	profile, err := emvtest.Load("mastercard")
	if err != nil {
		log.Fatal(err)
	}
	card := emvtest.NewCard(profile, nil).Contactless()
	tx, err := entry.New(emvtest.Contactless(), emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC),
	}, entry.Environment{Field: field{card}})
	if err != nil {
		log.Fatal(err)
	}
	outcome, err := tx.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer outcome.Reading.Wipe()
	fmt.Println("card:", outcome.Kind, outcome.Reading.AuthenticationMethod())

	check, err := emvtest.NewIssuer().Check(outcome.Reading.ACData())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("issuer:", check.Verdict, check.Brand, check.Last4, check.Tap, check.Decision.Approved)
	// Output:
	// card: online request CDA
	// issuer: genuine mastercard 4444 true true
}

// field is an antenna with a card that stays.
type field struct{ card *emvtest.TapCard }

func (f field) Activate(context.Context) (emvkernel.Transceiver, error) { return f.card, nil }
func (f field) WaitRemoval(context.Context) error                       { return nil }
func (f field) Off() error                                              { f.card.Reset(); return nil }

// A profile says what a terminal is to make of its card.
func ExampleProfile_Expectation() {
	profile, err := emvtest.Load("script-refused-before")
	if err != nil {
		log.Fatal(err)
	}
	e, _ := profile.Expectation()
	fmt.Println(e.First)
	fmt.Println(e.Online)
	fmt.Println(e.Deferred)
	// Output:
	// online authenticated tvr 0000008000 tsi E800 cvm 5E0300
	// approved tvr 0000008020 tsi FC00
	// declined
}
