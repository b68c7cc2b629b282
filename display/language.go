package display

// HasLanguage tells whether there are texts for a language, given as its two
// letters of ISO 639.
func HasLanguage(code string) bool {
	_, ok := languages[code]
	return ok
}
