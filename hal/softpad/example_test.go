package softpad_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"smartreader/hal"
	"smartreader/hal/dukpt"
	"smartreader/hal/filekeys"
	"smartreader/hal/softpad"
)

// A maker's own program loads a key once, before it calls reader.Run. The base key
// stays with the host, which makes every device's initial key from it; this one is
// that of the standard's examples.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "keys-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	keys, err := filekeys.Open(dir) // hal.Board.Keys of a board of hal/board is one
	if err != nil {
		log.Fatal(err)
	}
	base := []byte{0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1}
	device := [8]byte{0x12, 0x34, 0x56, 0x78, 0, 0, 0, 7} // no two readers may have the same

	for range 2 {
		initial, err := dukpt.AESInitialKey(base, device)
		if err != nil {
			log.Fatal(err)
		}
		err = softpad.Load(context.Background(), keys, softpad.Injection{
			Name: "pin", // the platform's configuration calls it so: terminal.pin.key
			Kind: softpad.AESDUKPT, InitialKey: hal.NewSecret(initial), Serial: device[:],
		})
		fmt.Println("loaded:", err == nil, "there already:", errors.Is(err, hal.ErrKeyExists))
	}
	// Output:
	// loaded: true there already: false
	// loaded: false there already: true
}
