package emvkernel

import (
	"slices"
	"strings"
)

// Language returns the language to address the cardholder in: the first of the card's languages
// ('5F2D'), in the card's order, that is one of Terminal.Languages, else the terminal's own first one.
// A card may write them in capitals (EMV Book 4, 11.1).
//
// agreed is false when it is not one of the card's: a terminal of several languages may then let the
// cardholder choose. The code is empty where the terminal's configuration names no language. The
// directory may know the card's languages, then the answer is good before an application is selected,
// to ask which one; after that the application's count.
func (t *Transaction) Language() (code string, agreed bool) {
	spoken := t.cfg.Terminal.Languages
	for wanted := Languages(t.preference()); wanted != ""; wanted = wanted[2:] {
		if slices.Contains(spoken, wanted[:2]) {
			return wanted[:2], true
		}
	}
	if len(spoken) == 0 {
		return "", false
	}
	return spoken[0], false
}

// preference is '5F2D' of the application or, where it has none, of the directory it was found in; before
// one is selected, of the directory or else of the best candidate.
func (t *Transaction) preference() []byte {
	if p, ok := t.card[0x5F2D]; ok {
		return p
	}
	if t.app == nil && len(t.candidates) > 0 {
		return t.candidates[0].languages
	}
	return t.selected.languages
}

// Languages decodes the language preference '5F2D': up to four ISO 639-1 codes, in small letters though a card may
// write them in capitals. Anything else is none (EMV Book 4, 11.1).
func Languages(preference []byte) string {
	s := strings.ToLower(string(preference))
	if len(s) > 8 || len(s)%2 != 0 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") != "" {
		return ""
	}
	return s
}
