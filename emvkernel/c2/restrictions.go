package c2

import (
	"bytes"
	"context"

	"smartreader/emvkernel"
)

// restrictions compares versions, dates and usage (Book C-2, "Processing Restrictions"). It only records
// what it finds.
func (t *transaction) restrictions(context.Context) error {
	if version := t.o.Get(0x9F08); version != nil && !bytes.Equal(version, t.k.Version[:]) {
		t.tvr.Set(emvkernel.VersionsDiffer)
	}
	today := emvkernel.DateOf(t.a.Params.Time)
	if raw := t.o.Get(0x5F25); raw != nil {
		effective, ok := emvkernel.ParseDate(raw)
		if !ok {
			return malformed("effective date")
		}
		if today < effective {
			t.tvr.Set(emvkernel.NotYetEffective)
		}
	}
	if today > t.expiry {
		t.tvr.Set(emvkernel.Expired)
	}
	if auc := t.o.Get(0x9F07); auc != nil {
		if len(auc) != 2 {
			return malformed("application usage control")
		}
		term := &t.a.Config.Terminal
		if !t.a.Params.UsageAllowed([2]byte(auc), t.o.Get(0x5F28), term.Country, term.CashMachine()) {
			t.tvr.Set(emvkernel.ServiceNotAllowed)
		}
	}
	return nil
}
