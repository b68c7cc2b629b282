package fat

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// shortChars are what an 8.3 name may hold beside letters and digits.
const shortChars = "!#$%&'()-@^_`{}~"

// checkName refuses names that some system could not open again.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("fat: %q is no file name", name)
	case !utf8.ValidString(name):
		return fmt.Errorf("fat: name %q is not UTF-8", name)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return fmt.Errorf("fat: name %q ends with a dot or a space", name)
	case len(utf16.Encode([]rune(name))) > maxName:
		return fmt.Errorf("fat: name %.20q... is longer than %d characters", name, maxName)
	}
	for _, c := range name {
		if c < ' ' || c == 0x7f || strings.ContainsRune(`"*/:<>?\|`, c) {
			return fmt.Errorf("fat: name %q has the character %q", name, c)
		}
	}
	return nil
}

// shortName returns a name's 8.3 form and its case, if it has one: then it
// needs no long name.
func shortName(name string) (short [11]byte, nt byte, ok bool) {
	base, ext, dot := strings.Cut(name, ".")
	if len(base) < 1 || len(base) > 8 || len(ext) > 3 || dot && ext == "" {
		return short, 0, false
	}
	for i, part := range []string{base, ext} {
		upper := strings.ToUpper(part)
		switch {
		case strings.ContainsFunc(part, func(c rune) bool { return c >= utf8.RuneSelf }):
			return short, 0, false // also those whose capital is a plain letter, like "ı"
		case strings.ContainsFunc(upper, func(c rune) bool { return !shortRune(c) }):
			return short, 0, false
		case part == upper:
		case part == strings.ToLower(part):
			nt |= []byte{lowerBase, lowerExt}[i]
		default:
			return short, 0, false
		}
	}
	return pad(strings.ToUpper(base), strings.ToUpper(ext)), nt, true
}

func shortRune(c rune) bool {
	return 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(shortChars, c)
}

func pad(base, ext string) (short [11]byte) {
	copy(short[:], "           ")
	copy(short[:8], base)
	copy(short[8:], ext)
	return short
}

// alias makes an 8.3 name for a long one that no other in its folder has.
func alias(name string, taken map[[11]byte]bool) ([11]byte, error) {
	keep := func(s string, n int) string {
		var out []byte
		for _, c := range strings.ToUpper(s) {
			if len(out) < n && shortRune(c) {
				out = append(out, byte(c))
			}
		}
		return string(out)
	}
	base, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		base, ext = name[:i], name[i+1:]
	}
	base, ext = keep(base, 8), keep(ext, 3)
	for n := 1; n < 1e6; n++ {
		tail := fmt.Sprintf("~%d", n)
		short := pad(base[:min(len(base), 8-len(tail))]+tail, ext)
		if !taken[short] {
			return short, nil
		}
	}
	return [11]byte{}, fmt.Errorf("fat: too many names like %q in one folder", name)
}

// longName encodes a name for long entries: units in multiples of longChars,
// the rest filled with one zero and then ones.
func longName(name string) []uint16 {
	units := utf16.Encode([]rune(name))
	if len(units)%longChars != 0 {
		units = append(units, 0)
	}
	for len(units)%longChars != 0 {
		units = append(units, 0xffff)
	}
	return units
}

// display returns a short name as people write it.
func display(short []byte, nt byte) string {
	base := string(bytes.TrimRight(short[:8], " "))
	ext := string(bytes.TrimRight(short[8:11], " "))
	if nt&lowerBase != 0 {
		base = strings.ToLower(base)
	}
	if nt&lowerExt != 0 {
		ext = strings.ToLower(ext)
	}
	if ext != "" {
		base += "." + ext
	}
	return base
}
