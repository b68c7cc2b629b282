package display

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestLanguagesAreComplete(t *testing.T) {
	for tag, words := range languages {
		v := reflect.ValueOf(words)
		for i := range v.NumField() {
			name, s := v.Type().Field(i).Name, v.Field(i).String()
			if s == "" {
				t.Errorf("%s: %s is missing", tag, name)
			}
			if !drawable(s) || clean(s) != s {
				t.Errorf("%s: %s: the font cannot draw %q", tag, name, s)
			}
		}
	}
}

func TestLanguageFallback(t *testing.T) {
	for tag, want := range map[string]string{
		"": "en", "en": "en", "en-GB": "en", "de": "de", "de-AT": "de", "DE_ch": "de",
		"fr-CA": "fr", "ja": "en", "xx": "en", "deu": "en", "-": "en",
	} {
		if got := base(tag); got != want {
			t.Errorf("base(%q) = %q, want %q", tag, got, want)
		}
	}
}

func TestFormatAmount(t *testing.T) {
	const gap = "\u00a0"
	for _, c := range []struct {
		minor          int64
		code, language string
		want           string
	}{
		{1250, "usd", "en", "$12.50"},
		{1250, "USD", "", "$12.50"},
		{0, "usd", "en", "$0.00"},
		{-5, "usd", "en", "-$0.05"},
		{999999999, "usd", "en", "$9,999,999.99"},
		{1250, "jpy", "en", "¥1,250"},
		{1250, "kwd", "en", "KWD" + gap + "1.250"},
		{123456, "eur", "de", "1.234,56" + gap + "€"},
		{123456, "chf", "de-CH", "CHF" + gap + "1'234.56"},
		{425000, "eur", "fr", "4" + gap + "250,00" + gap + "€"},
		{1250, "eur", "es", "12,50" + gap + "€"},
		{1250, "eur", "ja", "€12.50"}, // no texts in Japanese: everything in English
		{math.MaxInt64, "usd", "en", "$92,233,720,368,547,758.07"},
		{math.MinInt64, "usd", "en", "-$92,233,720,368,547,758.08"},
	} {
		got, err := FormatAmount(c.minor, c.code, c.language)
		if err != nil || got != c.want {
			t.Errorf("FormatAmount(%d, %q, %q) = %q, %v; want %q", c.minor, c.code, c.language, got, err, c.want)
		}
	}
	if _, err := FormatAmount(1, "zzz", "en"); !errors.Is(err, ErrCurrency) {
		t.Errorf("unknown currency: %v", err)
	}
}

// A sign that the font lacks is replaced by the code.
func TestAmountsAreDrawable(t *testing.T) {
	for _, code := range []string{"usd", "eur", "gbp", "jpy", "inr", "krw", "ils", "vnd", "ngn", "thb", "uah", "php", "sar", "kwd"} {
		for language := range languages {
			s, err := FormatAmount(123456789, code, language)
			if err != nil || !drawable(s) {
				t.Errorf("%s in %s: %q, %v", code, language, s, err)
			}
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"  a\n b\t":          "a b",
		"abc\u202edef\u200b": "abcdef",
		"日本":                 "□□",
		"a\xffb":             "a□b",
		"\x00":               "",
	} {
		if got := clean(in); got != want && !(in == "a\xffb" && got == "a\ufffdb") {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if n := len(clean(strings.Repeat("W", 5000))); n != 300 {
		t.Errorf("a long string keeps %d letters", n)
	}
}
