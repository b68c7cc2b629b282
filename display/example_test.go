package display_test

import (
	"fmt"
	"image"

	"smartreader/display"
)

func ExampleRender() {
	frame := display.Render(display.View{
		Kind:     display.PresentCard,
		Language: "en",
		Merchant: "Blue Bottle Bakery",
		Amount:   1250, // minor units: $12.50
		Currency: "usd",
		Entries:  display.Insert,
	}, image.Pt(480, 320))
	fmt.Println(frame.Bounds().Size())
	// Output: (480,320)
}

func ExampleFormatAmount() {
	text, _ := display.FormatAmount(123456, "eur", "de-DE")
	fmt.Printf("%q\n", text)
	// Output: "1.234,56\u00a0€"
}
