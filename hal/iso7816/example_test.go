package iso7816_test

import (
	"fmt"

	"smartreader/hal/iso7816"
)

func ExampleParseATR() {
	atr, err := iso7816.ParseATR([]byte{0x3B, 0xE0, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0xEB})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("T=%d, blocks of %d bytes, EMV: %v\n", atr.Protocol(), atr.IFSC(), atr.CheckEMV(false) == nil)
	// Output: T=1, blocks of 254 bytes, EMV: true
}
