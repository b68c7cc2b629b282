package decode

import (
	"fmt"
	"strings"
)

// maxATR is the longest answer to reset (ISO/IEC 7816-3).
const maxATR = 33

// Clock rate conversion F and baud rate adjustment D by their coding in TA1 (ISO/IEC 7816-3). 0: reserved.
var (
	clockRates = [16]int{372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0}
	baudRates  = [16]int{0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0}
)

// atr is an answer to reset taken apart: interface bytes by group from one, nil where absent.
type atr struct {
	groups     []interfaceBytes
	historical []byte
	check      []byte // TCK, nil where none is due
	sum        byte   // of everything behind TS, zero when TCK is right
}

type interfaceBytes [4]*byte // TA, TB, TC, TD

func (a *atr) byte(group, which int) *byte {
	if group > len(a.groups) {
		return nil
	}
	return a.groups[group-1][which]
}

const (
	ta = iota
	tb
	tc
	td
)

func parseATR(b []byte) (*atr, error) {
	bad := func(format string, args ...any) (*atr, error) {
		return nil, fmt.Errorf("%w: answer to reset: %s", ErrForm, fmt.Sprintf(format, args...))
	}
	if len(b) < 2 || len(b) > maxATR {
		return bad("%d bytes, want 2 to %d", len(b), maxATR)
	}
	if b[0] != 0x3B && b[0] != 0x3F {
		return bad("TS is %02X, want 3B or 3F", b[0])
	}
	a := &atr{}
	rest, checked := b[2:], false
	for present := b[1] >> 4; present != 0; {
		var g interfaceBytes
		for i := range g {
			if present>>i&1 == 0 {
				continue
			}
			if len(rest) == 0 {
				return bad("ends within the interface bytes")
			}
			g[i], rest = &rest[0], rest[1:]
		}
		a.groups = append(a.groups, g)
		present = 0
		if g[td] != nil {
			present = *g[td] >> 4
			checked = checked || *g[td]&0x0F != 0
		}
	}
	n := int(b[1] & 0x0F)
	if len(rest) < n {
		return bad("ends within the historical bytes")
	}
	a.historical, rest = rest[:n], rest[n:]
	switch {
	case checked && len(rest) == 1:
		a.check = rest
		for _, c := range b[1:] {
			a.sum ^= c
		}
	case checked:
		return bad("%d bytes after the historical bytes, want the check byte TCK", len(rest))
	case len(rest) > 0:
		return bad("%d bytes too many", len(rest))
	}
	return a, nil
}

// ATR decodes an answer to reset (ISO/IEC 7816-3) and says what an EMV terminal thinks of it (EMV Book 1,
// "Answer to Reset"). A wrong check byte is a remark, not an error.
func ATR(b []byte) (Item, error) {
	a, err := parseATR(b)
	if err != nil {
		return Item{}, err
	}
	out := Item{Name: "Answer to Reset", Value: hexOf(b)}
	add := func(name string, value []byte, format string, args ...any) {
		out.Items = append(out.Items, Item{Name: name, Value: hexOf(value), Meaning: fmt.Sprintf(format, args...)})
	}
	convention := map[byte]string{0x3B: "direct convention", 0x3F: "inverse convention"}[b[0]]
	add("TS", b[:1], "%s", convention)
	add("T0", b[1:2], "%s", plural(len(a.historical), "historical byte"))
	protocol := -1 // that of the group: the one the TD before it names
	for i, g := range a.groups {
		for j, value := range g {
			if value != nil {
				add(fmt.Sprintf("T%c%d", 'A'+j, i+1), []byte{*value}, "%s", a.meaning(i+1, j, *value, protocol))
			}
		}
		if g[td] != nil {
			protocol = int(*g[td] & 0x0F)
		}
	}
	if len(a.historical) > 0 {
		add("historical bytes", a.historical, "%s", printable(a.historical))
	}
	if a.check != nil {
		meaning := "check byte, right"
		if a.sum != 0 {
			meaning = fmt.Sprintf("check byte, wrong: want %02X", a.check[0]^a.sum)
		}
		add("TCK", a.check, "%s", meaning)
	}
	verdict := "acceptable to an EMV terminal after a cold reset"
	if remarks := a.notEMV(); len(remarks) > 0 {
		verdict = "refused by an EMV terminal after a cold reset: " + strings.Join(remarks, "; ")
	}
	out.Items = append(out.Items, Item{Name: "EMV", Meaning: verdict})
	return out, nil
}

// meaning says what an interface byte says. From the third group on it belongs to the protocol before it.
func (a *atr) meaning(group, which int, v byte, protocol int) string {
	switch {
	case which == td:
		more := ""
		if v>>4 != 0 {
			more = ", more interface bytes follow"
		}
		if v&0x0F == 15 {
			return "global interface bytes" + more
		}
		return fmt.Sprintf("protocol T=%d%s", v&0x0F, more)
	case group == 1 && which == ta:
		f, d := clockRates[v>>4], baudRates[v&0x0F]
		if f == 0 || d == 0 {
			return "reserved rate"
		}
		return fmt.Sprintf("F=%d, D=%d", f, d)
	case group == 1 && which == tb && v == 0, group == 2 && which == tb && v == 0:
		return "no programming voltage"
	case group <= 2 && which == tb:
		return "programming voltage"
	case group == 1 && v == 255:
		return "least guard time"
	case group == 1:
		return fmt.Sprintf("extra guard time N=%d", v)
	case group == 2 && which == ta:
		mode := fmt.Sprintf("specific mode, T=%d", v&0x0F)
		if v&0x10 != 0 {
			mode += ", parameters implicit"
		}
		return mode
	case group == 2 && which == tc:
		return fmt.Sprintf("waiting time integer WI=%d (T=0)", v)
	case protocol == 1 && which == ta:
		return fmt.Sprintf("card accepts blocks of %d bytes (IFSC)", v)
	case protocol == 1 && which == tb:
		return fmt.Sprintf("BWI=%d, CWI=%d", v>>4, v&0x0F)
	case protocol == 1:
		return map[bool]string{false: "check by LRC", true: "check by CRC"}[v&1 != 0]
	}
	return fmt.Sprintf("of protocol T=%d", protocol)
}

// notEMV lists why an EMV terminal refuses the card after a cold reset (EMV Book 1, 8.3: characters of the ATR,
// its check character among them, as far as a terminal has to reject).
func (a *atr) notEMV() (why []string) {
	remark := func(bad bool, format string, args ...any) {
		if bad {
			why = append(why, fmt.Sprintf(format, args...))
		}
	}
	tb1, td1, ta2, tb2, tc2, td2 := a.byte(1, tb), a.byte(1, td), a.byte(2, ta), a.byte(2, tb), a.byte(2, tc), a.byte(2, td)
	first := byte(0)
	if td1 != nil {
		first = *td1 & 0x0F
	}
	remark(tb1 == nil || *tb1 != 0, "TB1 is not 00")
	remark(first > 1, "first protocol is T=%d", first)
	if ta2 != nil {
		remark(*ta2&0x10 != 0, "specific mode with implicit parameters")
		remark(*ta2&0x0F != first, "specific mode names T=%d, which is not the first protocol", *ta2&0x0F)
	}
	remark(tb2 != nil, "TB2 present")
	remark(tc2 != nil && *tc2 == 0, "TC2 is 00")
	if td2 != nil {
		next := *td2 & 0x0F
		remark(next != 1 && (next != 14 || first != 0), "TD2 names T=%d", next)
	}
	remark(a.sum != 0, "TCK is wrong")
	if first != 1 {
		return why
	}
	ta3, tb3, tc3 := a.byte(3, ta), a.byte(3, tb), a.byte(3, tc)
	remark(tb3 == nil, "TB3 absent for T=1")
	remark(ta3 != nil && (*ta3 < 0x10 || *ta3 == 0xFF), "IFSC is not 16 to 254")
	if tb3 != nil {
		guard := 0
		if tc1 := a.byte(1, tc); tc1 != nil {
			guard = int(*tc1)
		}
		if guard == 255 {
			guard = -1
		}
		cwi := *tb3 & 0x0F
		remark(*tb3>>4 > 4 || cwi > 5, "BWI above 4 or CWI above 5")
		remark(1<<cwi <= guard+1, "CWI %d is too small for the guard time", cwi)
	}
	remark(tc3 != nil && *tc3 != 0, "TC3 asks for a CRC")
	return why
}
