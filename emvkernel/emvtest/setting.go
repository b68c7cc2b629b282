package emvtest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// setting is one word of the profile format: how it is read, and how it is written back.
type setting struct {
	word    string
	repeats bool
	// exactly one of the two is set
	card func(p *Profile, value string) error
	app  func(a *application, value string, first bool) error

	cardText  func(p *Profile) string   // the only value
	cardLines func(p *Profile) []string // in its place where there may be several
	appText   func(a *application) []string
}

func settingNamed(word string) (setting, bool) {
	s, ok := settingsByWord()[word]
	return s, ok
}

var settingsByWord = sync.OnceValue(func() map[string]setting {
	table := map[string]setting{}
	for _, s := range settings() {
		table[s.word] = s
	}
	return table
})

func settingNames() string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.word)
	}
	return strings.Join(names, ", ")
}

// Text writes the profile with every setting spelled out; ParseProfile reads it back as the same card.
// It contains the card number: it is for a file somebody wants to edit, not for a log.
func (p *Profile) Text() string {
	var out strings.Builder
	line := func(word, value string) { fmt.Fprintf(&out, "%s %s\n", word, value) }
	for _, s := range settings() {
		switch {
		case s.cardLines != nil:
			for _, value := range s.cardLines(p) {
				line(s.word, value)
			}
		case s.card != nil:
			if value := s.cardText(p); value != "" {
				line(s.word, value)
			}
		}
	}
	for _, a := range p.applications {
		line("application", a.brand.name)
		for _, s := range settings() {
			if s.app == nil {
				continue
			}
			for _, value := range s.appText(a) {
				line(s.word, value)
			}
		}
	}
	return out.String()
}

// A settable field of a card or an application, as the constructors below want it.
type field[T, V any] func(*T) *V

func cardSetting[V any](word string, f field[Profile, V], c codec[V]) setting {
	return setting{
		word:     word,
		card:     func(p *Profile, value string) error { return c.into(f(p), word, value) },
		cardText: func(p *Profile) string { return c.text(*f(p)) },
	}
}

func appSetting[V any](word string, f field[application, V], c codec[V]) setting {
	return setting{
		word: word,
		app:  func(a *application, value string, _ bool) error { return c.into(f(a), word, value) },
		appText: func(a *application) []string {
			if value := c.text(*f(a)); value != "" {
				return []string{value}
			}
			return nil
		},
	}
}

// codec reads and writes one kind of value. want completes the sentence "write ...".
type codec[V any] struct {
	want  string
	parse func(value string) (V, bool)
	text  func(V) string
}

func (c codec[V]) into(dst *V, word, value string) error {
	v, ok := c.parse(value)
	if !ok {
		if word == "pan" || word == "pin" {
			value = "..." // not even a mistyped one is shown
		}
		return fmt.Errorf("%s %q is not valid; write %s", word, value, c.want)
	}
	*dst = v
	return nil
}

var yesNo = codec[bool]{
	want:  "yes or no",
	parse: func(s string) (bool, bool) { return s == "yes", s == "yes" || s == "no" },
	text: func(v bool) string {
		if v {
			return "yes"
		}
		return "no"
	},
}

// either reads one of two words as a flag.
func either(yes, no string) codec[bool] {
	return codec[bool]{
		want:  yes + " or " + no,
		parse: func(s string) (bool, bool) { return s == yes, s == yes || s == no },
		text: func(v bool) string {
			if v {
				return yes
			}
			return no
		},
	}
}

func oneOf(words ...string) codec[string] {
	return codec[string]{
		want: strings.Join(words, ", "),
		parse: func(s string) (string, bool) {
			for _, w := range words {
				if s == w {
					return s, true
				}
			}
			return "", false
		},
		text: func(v string) string { return v },
	}
}

// printable reads ASCII text as the cards store it.
func printable(low, high int) codec[string] {
	return codec[string]{
		want: fmt.Sprintf("%d to %d printable ASCII characters", low, high),
		parse: func(s string) (string, bool) {
			for i := range len(s) {
				if s[i] < 0x20 || s[i] > 0x7E {
					return "", false
				}
			}
			return s, len(s) >= low && len(s) <= high
		},
		text: func(v string) string { return v },
	}
}

// unicodeText reads text that the card stores in one of the parts of ISO/IEC 8859.
func unicodeText(low, high int) codec[string] {
	return codec[string]{
		want: fmt.Sprintf("%d to %d printable characters", low, high),
		parse: func(s string) (string, bool) {
			n := utf8.RuneCountInString(s)
			return s, n >= low && n <= high && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
		},
		text: func(v string) string { return v },
	}
}

func digits(n int) codec[string] {
	return codec[string]{
		want:  fmt.Sprintf("%d digits", n),
		parse: func(s string) (string, bool) { return s, len(s) == n && allDigits(s) },
		text:  func(v string) string { return v },
	}
}

func allDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// numeric reads a three-digit ISO country or currency code.
var numeric = codec[uint16]{
	want: "a three-digit ISO code such as 840",
	parse: func(s string) (uint16, bool) {
		n, err := strconv.ParseUint(s, 10, 16)
		return uint16(n), err == nil && len(s) == 3 && allDigits(s)
	},
	text: func(v uint16) string { return fmt.Sprintf("%03d", v) },
}

func number(low, high int) codec[byte] {
	return codec[byte]{
		want: fmt.Sprintf("a number from %d to %d", low, high),
		parse: func(s string) (byte, bool) {
			n, err := strconv.Atoi(s)
			return byte(n), err == nil && n >= low && n <= high
		},
		text: func(v byte) string { return strconv.Itoa(int(v)) },
	}
}

// bcd reads two decimal digits as the byte the card stores.
var bcd = codec[byte]{
	want: "two digits such as 01",
	parse: func(s string) (byte, bool) {
		if len(s) != 2 || !allDigits(s) {
			return 0, false
		}
		return (s[0]-'0')<<4 | (s[1] - '0'), true
	},
	text: func(v byte) string { return fmt.Sprintf("%02X", v) },
}

func hexBytes(low, high int) codec[[]byte] {
	return codec[[]byte]{
		want: fmt.Sprintf("%d to %d bytes in hexadecimal without spaces", low, high),
		parse: func(s string) ([]byte, bool) {
			b, err := hex.DecodeString(s)
			return b, err == nil && len(b) >= low && len(b) <= high
		},
		text: func(v []byte) string { return fmt.Sprintf("%X", v) },
	}
}

var actionCode = codec[[5]byte]{
	want: "5 bytes in hexadecimal such as FC68BC9800",
	parse: func(s string) ([5]byte, bool) {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 5 {
			return [5]byte{}, false
		}
		return [5]byte(b), true
	},
	text: func(v [5]byte) string { return fmt.Sprintf("%X", v) },
}

// date: EMV has two digits for the year, 00 to 49 meaning 20xx (Book 4, "Date Management").
var date = codec[time.Time]{
	want: "a date from 1950-01-01 to 2049-12-31 as YYYY-MM-DD",
	parse: func(s string) (time.Time, bool) {
		t, err := time.Parse(time.DateOnly, s)
		return t, err == nil && t.Year() >= 1950 && t.Year() <= 2049
	},
	text: func(v time.Time) string { return v.Format(time.DateOnly) },
}
