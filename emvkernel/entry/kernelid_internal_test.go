package entry

import (
	"encoding/hex"
	"testing"

	"smartreader/emvkernel/tap"
)

// EMV fact 18: which kernel a directory entry asks for. '9F2A' goes first; without it, or with an empty one,
// the payment system's default; zero leaves it open.
func TestKernelIdentifier(t *testing.T) {
	const visa, mastercard = "A0000000031010", "A0000000041010"
	tests := []struct {
		name, id, aid string
		kernel        tap.KernelID
		ok            bool
	}{
		{"default of Mastercard", "", mastercard, 2, true},
		{"default of Visa", "", visa, 3, true},
		{"default of American Express", "", "A00000002501", 4, true},
		{"default of JCB", "", "A0000000651010", 5, true},
		{"default of Discover", "", "A0000001523010", 6, true},
		{"default of Discover's other provider", "", "A0000003241010", 6, true},
		{"default of UnionPay", "", "A000000333010101", 7, true},
		{"no default: any", "", "A0000002771010", 0, true},
		{"zero: any, whosever application", "00", visa, 0, true},
		{"zero of three bytes", "000000", visa, 0, true},
		{"international", "02", visa, 2, true},
		{"the new kernel", "08", visa, 8, true},
		{"only the first byte of an international one", "0304050607", visa, 3, true},
		{"reserved numbers are taken as they are", "43", visa, 0x43, true},
		{"domestic", "810840", visa, 0, false},
		{"domestic, too short", "81", visa, 0, false},
		{"domestic, two bytes", "8108", visa, 0, false},
		{"domestic, out of scope", "8001020304", visa, 0, false},
		{"proprietary", "C10203", visa, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, _ := hex.DecodeString(tt.id)
			aid, _ := hex.DecodeString(tt.aid)
			kernel, ok := requestedKernel(id, aid)
			if kernel != tt.kernel || ok != tt.ok {
				t.Errorf("kernel %d, %v, want %d, %v", kernel, ok, tt.kernel, tt.ok)
			}
			for _, c := range []tap.KernelID{2, 3, 8, 0x43} {
				want := tt.ok && (tt.kernel == 0 || tt.kernel == c)
				if got := fits(&tap.Combination{AID: aid, Kernel: tap.Elsewhere(c)}, id); got != want {
					t.Errorf("kernel %d fits: %v, want %v", c, got, want)
				}
			}
			if !fits(&tap.Combination{AID: aid, Kernel: tap.Elsewhere(0)}, id) {
				t.Error("a card to be inserted whatever its kernel was passed over")
			}
		})
	}
}
