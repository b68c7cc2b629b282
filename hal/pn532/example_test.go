package pn532_test

import (
	"context"
	"fmt"

	"smartreader/hal/pn532"
	"smartreader/hal/pn532/pn532test"
)

func Example() {
	// An emulated chip stands in for a module on a serial adapter. With a real
	// one, open calls tty.Find and tty.Open, and pn532.HSU of that port.
	chip := pn532test.New()
	cable := pn532test.Plug(chip)
	defer cable.Close()
	if err := chip.Tap(pn532test.TypeA(&stub{})); err != nil {
		fmt.Println(err)
	}

	reader := pn532.New(func(context.Context) (pn532.Link, error) {
		port, err := cable.Open()
		if err != nil {
			return nil, err
		}
		return pn532.HSU(port), nil
	}, nil)
	defer reader.Close()

	ctx := context.Background()
	card, err := reader.Activate(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer card.Close()
	fmt.Printf("ATS % X\n", card.ATR())
	response, err := card.Transceive(ctx, selectPPSE)
	fmt.Printf("SELECT PPSE: % X, %v\n", response[len(response)-2:], err)
	// Output:
	// ATS 05 78 80 70 02
	// SELECT PPSE: 90 00, <nil>
}
