package emvtest

import (
	"os"
	"strings"
	"testing"
)

// The comment of ParseProfile is the manual: it knows every word.
func TestParseProfileDocumentsEveryWord(t *testing.T) {
	source, err := os.ReadFile("parse.go")
	if err != nil {
		t.Fatal(err)
	}
	manual, _, _ := strings.Cut(string(source), "\nfunc ParseProfile(")
	known := map[string]bool{}
	for _, word := range strings.FieldsFunc(manual, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_", r) }) {
		known[word] = true
	}
	var words []string
	for _, s := range settings() {
		words = append(words, s.word)
	}
	words = append(words, steps...)
	words = append(words, deviceNames()...)
	for word := range tapOutcomeWords {
		words = append(words, word)
	}
	for _, w := range paymentWords {
		words = append(words, w.word)
	}
	for word := range outcomeWords {
		words = append(words, word)
	}
	for _, b := range brands {
		words = append(words, b.name)
	}
	words = append(words, reasonWords()...)
	for _, f := range faults {
		name := f.name
		for _, block := range []string{issuerCertified, iccCertified, pinCertified, staticSigned, dynamicSigned} {
			if rest, ok := strings.CutPrefix(name, block+"-"); ok && !known[name] {
				if name = rest; !known[block+"-"] {
					t.Errorf("the manual lacks %s-FLAW", block)
				}
			}
		}
		words = append(words, name)
	}
	for _, word := range words {
		if !known[word] {
			t.Errorf("the manual lacks %s", word)
		}
	}
}

// The list of cards shows one short line of each.
func TestAboutLinesAreShort(t *testing.T) {
	seen := map[string]string{}
	for _, name := range Profiles() {
		about := load(t, name).About
		if n := len(about); n < 8 || n > 90 {
			t.Errorf("%s: about has %d characters", name, n)
		}
		if other, twice := seen[about]; twice {
			t.Errorf("%s and %s say the same about themselves", name, other)
		}
		seen[about] = name
	}
}
