package ccid_test

import (
	"context"
	"fmt"

	"smartreader/hal/ccid"
	"smartreader/hal/ccid/ccidtest"
)

// The emulated reader stands in for a real one; without Open the Reader looks
// for one on USB.
func Example() {
	usb := ccidtest.New(ccidtest.Options{})
	if err := usb.Insert(newChip(atrT1)); err != nil {
		fmt.Println(err)
		return
	}
	reader := ccid.New(ccid.Options{Open: usb.Open})
	defer reader.Close()

	card, err := reader.Activate(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer card.Close()
	response, err := card.Transceive(context.Background(), []byte{0x00, 0xB2, 0x01, 0x02, 0x00})
	fmt.Printf("% X %v\n", response, err)
	// Output: 00 01 90 00 <nil>
}
