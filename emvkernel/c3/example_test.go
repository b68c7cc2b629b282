package c3_test

import (
	"fmt"

	"smartreader/emvkernel/c3"
	"smartreader/emvkernel/tap"
)

// A Visa combination that always asks the issuer, and the cardholder's PIN, signature or device from 50.00 on.
func Example() {
	kernel, ttq := c3.Default(), c3.DefaultTTQ()
	floor, verify, most := int64(0), int64(5000), int64(100_000)
	combination := tap.Combination{
		AID: []byte{0xA0, 0x00, 0x00, 0x00, 0x03, 0x10, 0x10}, Kernel: &kernel, Brand: "visa", TTQ: &ttq,
		Limits: []tap.Limits{{Currency: 978, Floor: &floor, CVMRequired: &verify, Transaction: &most}},
	}
	fmt.Println(kernel.Check(&combination, terminal()))
	combination.TTQ[0] |= 0x80
	fmt.Println(kernel.Check(&combination, terminal()))
	// Output:
	// <nil>
	// tap: bad configuration: kernel C-3: TTQ B7004000 with magnetic stripe mode, which this kernel does not have; clear byte 1 bit 8
}
