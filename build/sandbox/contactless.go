package sandbox

import (
	"smartreader/emvkernel"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/c3"
	"smartreader/firmware/platform"
)

// From this amount on, in minor units, who taps is verified, where the settings
// say nothing else: 50.00 in most currencies.
const contactlessCVM = 50_00

// contactless lists the applications taken by tap: those of the terminal that a
// kernel is there for, and the others so that their cards are asked to be
// inserted.
func contactless(list []emvkernel.Application, l location, set Settings) []platform.Contactless {
	if set.Contactless != nil && !*set.Contactless {
		return nil
	}
	limits, ttq, mastercard := set.tapLimits(l), c3.DefaultTTQ(), c2.Default()
	var out []platform.Contactless
	for _, a := range list {
		app := platform.Contactless{AID: upper(a.AID), Brand: a.Brand, Kernel: platform.KernelInsert}
		switch a.Brand {
		case "visa":
			app.Kernel, app.TTQ, app.Limits = platform.KernelC3, upper(ttq[:]), entryPoint(limits)
		case "mastercard":
			app.Kernel, app.Version, app.Limits = platform.KernelC2, upper(mastercard.Version[:]), limits
			app.TACDenial, app.TACOnline, app.TACDefault = upper(mastercard.TACDenial[:]), upper(mastercard.TACOnline[:]), upper(mastercard.TACDefault[:])
		}
		out = append(out, app)
	}
	return out
}

// entryPoint leaves out what only C-2 knows: a limit of its own for devices that
// verify their cardholder.
func entryPoint(limits []platform.ContactlessLimits) []platform.ContactlessLimits {
	out := make([]platform.ContactlessLimits, len(limits))
	for i, l := range limits {
		l.OnDevice = nil
		out[i] = l
	}
	return out
}

// tapLimits are the settings' limits of taps or, without some, the same ones for
// the Location's currency and those that are taken offline: any amount, and the
// issuer is asked each time.
func (s Settings) tapLimits(l location) []platform.ContactlessLimits {
	if s.ContactlessLimits != nil {
		return s.ContactlessLimits
	}
	floor, cvm := int64(0), int64(contactlessCVM)
	var out []platform.ContactlessLimits
	seen := map[string]bool{}
	add := func(currency string) {
		if !seen[currency] {
			seen[currency] = true
			out = append(out, platform.ContactlessLimits{Currency: currency, Floor: &floor, CVMRequired: &cvm})
		}
	}
	add(l.Currency)
	for _, limit := range s.Limits {
		add(limit.Currency)
	}
	return out
}
