package iso7816

import "fmt"

// CheckEMV says whether an EMV terminal may go on with a card that answered so,
// after a cold or a warm reset (EMV Book 1, "Answer to Reset", the paragraphs
// "Terminal behaviour"). A card that fails after the cold reset gets one warm
// reset; one that fails then is put out. Errors match ErrATR.
//
// In specific mode any clock and baud rate with a defined coding passes, since
// the reader below follows TA1; EMV asks no more than 11 to 13.
func (a *ATR) CheckEMV(warm bool) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: not EMV: %s", ErrATR, fmt.Sprintf(format, args...))
	}
	one, two, three := a.group(1), a.group(2), a.group(3)
	if !warm && (one.TB == nil || *one.TB != 0) {
		return bad("TB1 is not 00 after the cold reset")
	}
	if one.TD != nil && *one.TD&0x0F > 1 {
		return bad("first protocol is T=%d", *one.TD&0x0F)
	}
	if two.TA != nil {
		if *two.TA&0x10 != 0 {
			return bad("specific mode with implicit parameters")
		}
		if _, _, ok := Rate(a.FiDi()); !ok {
			return bad("specific mode with a reserved rate %02X", a.FiDi())
		}
		if p := *two.TA & 0x0F; int(p) != int(value(one.TD, 0)&0x0F) {
			return bad("specific mode names T=%d, which is not the first protocol", p)
		}
	}
	if two.TB != nil {
		return bad("TB2 present")
	}
	if two.TC != nil && *two.TC == 0 {
		return bad("TC2 is 00")
	}
	if two.TD != nil {
		next := *two.TD & 0x0F
		if next != 1 && (next != 0x0E || *one.TD&0x0F != 0) {
			return bad("TD2 names T=%d", next)
		}
	}
	if a.Protocol() != 1 {
		return nil
	}
	if two.TD == nil || three.TB == nil {
		return bad("TB3 absent for T=1")
	}
	if size := a.IFSC(); size < 0x10 || size > 0xFE {
		return bad("IFSC is %d", size)
	}
	bwi, cwi := *three.TB>>4, *three.TB&0x0F
	if bwi > 4 || cwi > 5 {
		return bad("BWI %d, CWI %d", bwi, cwi)
	}
	// The card must accept characters as far apart as its guard time asks for.
	n := int(a.Guard())
	if n == 255 {
		n = -1
	}
	if 1<<cwi <= n+1 {
		return bad("CWI %d is too small for guard time %d", cwi, n)
	}
	if value(three.TC, 0) != 0 {
		return bad("TC3 asks for a CRC")
	}
	return nil
}
