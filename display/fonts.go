package display

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
)

// weight is a cut of the font.
type weight byte

const (
	medium weight = iota
	bold
)

// parsed holds the fonts; they are immutable and shared by all Renders.
var parsed = sync.OnceValue(func() [2]*opentype.Font {
	var fonts [2]*opentype.Font
	for w, ttf := range [][]byte{medium: gomedium.TTF, bold: gobold.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic("display: embedded font: " + err.Error()) // a broken build, not a state of the reader
		}
		fonts[w] = f
	}
	return fonts
})

// faces makes font faces of one Render; a face is not safe for concurrent use.
type faces map[faceKey]font.Face

type faceKey struct {
	weight weight
	size   int // pixels per em
}

func (f faces) get(w weight, size int) font.Face {
	key := faceKey{w, max(size, 1)}
	face, ok := f[key]
	if !ok {
		var err error
		face, err = opentype.NewFace(parsed()[w], &opentype.FaceOptions{Size: float64(key.size), DPI: 72})
		if err != nil {
			panic("display: embedded font: " + err.Error())
		}
		f[key] = face
	}
	return face
}

// missing stands for a character that the font does not have.
const missing = '□'

// clean makes a string fit to be drawn: one line, no invisible or reordering
// characters, a box for what the font does not have. Long strings are cut, to
// bound the work.
func clean(s string) string {
	const enough = 300 // runes; no screen shows more
	var out strings.Builder
	n := 0
	blank := func(r rune) bool { return unicode.IsSpace(r) && r != '\u00a0' } // that one holds amounts together
	for _, r := range strings.Join(strings.FieldsFunc(s, blank), " ") {
		switch {
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Mn, unicode.Me):
			continue
		case !has(r):
			r = missing
		}
		out.WriteRune(r)
		if n++; n == enough {
			break
		}
	}
	return out.String()
}

func drawable(s string) bool {
	for _, r := range s {
		if !has(r) {
			return false
		}
	}
	return true
}

// has says whether all our fonts have a glyph for r.
func has(r rune) bool {
	var buf sfnt.Buffer
	for _, f := range parsed() {
		if index, err := f.GlyphIndex(&buf, r); err != nil || index == 0 {
			return false
		}
	}
	return true
}
