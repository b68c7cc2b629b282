package emvtest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
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
