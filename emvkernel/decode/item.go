package decode

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrForm is returned for bytes that do not have the form of what they were taken for.
var ErrForm = errors.New("decode: wrong form")

// Item is one thing said about a value, with what it consists of.
type Item struct {
	Tag     string `json:"tag,omitempty"` // of a data object, as "9F02"
	Name    string `json:"name,omitempty"`
	Value   string `json:"value,omitempty"` // upper-case hexadecimal
	Meaning string `json:"meaning,omitempty"`
	Items   []Item `json:"items,omitempty"`
	Masked  bool   `json:"masked,omitempty"` // card data was taken out of it
}

// malformed begins the meaning of a value that does not have the form of its tag.
const malformed = "malformed: "

// Malformed reports whether the item, or something in it, does not have the form of its tag.
func (i Item) Malformed() bool {
	return strings.HasPrefix(i.Meaning, malformed) || slices.ContainsFunc(i.Items, Item.Malformed)
}

// String returns the item and its parts, one a line, two spaces deeper at each level.
func (i Item) String() string {
	var b strings.Builder
	i.write(&b, 0)
	return b.String()
}

// A line is as long as a terminal is wide, and has at most so many digits: longer values are put below it.
const (
	maxLine   = 96
	maxDigits = 64
)

func (i Item) write(b *strings.Builder, depth int) {
	indent, line, below := strings.Repeat("  ", depth), i.line(i.Value), ""
	if n := len(i.Value); n > maxDigits || n > maxDigits/2 && len(indent)+len(line) > maxLine {
		line, below = i.line(plural(n/2, "byte")), i.Value
	}
	fmt.Fprintf(b, "%s%s\n", indent, line)
	for below != "" {
		n := min(maxDigits, len(below))
		fmt.Fprintf(b, "%s  %s\n", indent, below[:n])
		below = below[n:]
	}
	for _, part := range i.Items {
		part.write(b, depth+1)
	}
}

// line says tag, name, value and meaning, as far as there are.
func (i Item) line(value string) string {
	var words []string
	for _, w := range []string{i.Tag, i.Name} {
		if w != "" {
			words = append(words, w)
		}
	}
	line := strings.Join(words, " ")
	for _, w := range []string{value, i.Meaning} {
		switch {
		case w == "":
		case line == "":
			line = w
		case strings.HasSuffix(line, ":"):
			line += " " + w
		default:
			line += ": " + w
		}
	}
	if i.Masked {
		line += " (masked)"
	}
	return line
}

func wrong(what string, got int, want string) error {
	return fmt.Errorf("%w: %s of %d bytes, want %s", ErrForm, what, got, want)
}

func hexOf(b []byte) string { return fmt.Sprintf("%X", b) }
