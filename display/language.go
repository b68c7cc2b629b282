package display

import (
	"maps"
	"slices"
)

// HasLanguage tells whether there are texts for a language, given as its two
// letters of ISO 639.
func HasLanguage(code string) bool {
	_, ok := languages[code]
	return ok
}

// Languages lists them, English first, which is what a language without texts
// falls back to.
func Languages() []string {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(languages)), func(code string) bool { return code == "en" })
	return append([]string{"en"}, others...)
}
