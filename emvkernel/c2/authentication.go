package c2

import (
	"context"

	"smartreader/emvkernel"
	"smartreader/emvkernel/oda"
)

// authentication decides whether the card is asked to sign its cryptogram, also one for the issuer, and
// looks for what that needs (Book C-2, states 4 to 6). What the keys are worth is computed when the card may
// leave.
func (t *transaction) authentication(context.Context) error {
	if t.aip[0]&aipCDA == 0 || t.k.SecurityCapability&canCDA == 0 {
		t.tvr.Set(emvkernel.ODANotPerformed)
		return nil
	}
	chain := t.o.Chain()
	if chain.Need(0x8F, 0x90, 0x9F32, 0x9F46, 0x9F47, 0x9F4A) != nil {
		t.tvr.Set(emvkernel.ICCDataMissing)
		t.tvr.Set(emvkernel.CDAFailed)
		return nil
	}
	// Read by hand: a list of anything else ends the application.
	if list := t.o.Get(0x9F4A); len(list) != 1 || list[0] != 0x82 {
		return invalid(l2CardDataError, "static data authentication tag list names something else than the AIP")
	}
	index := t.o.Get(0x8F)
	if len(index) != 1 {
		return malformed("certification authority key index")
	}
	if _, err := oda.Find(chain.Keys, chain.RID, index[0]); err != nil {
		t.tvr.Set(emvkernel.CDAFailed)
		return nil
	}
	t.combined = true
	return nil
}
