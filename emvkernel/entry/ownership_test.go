package entry_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// usurper is a card with more data objects in every template of one kind.
type usurper struct {
	emvkernel.Transceiver
	template tlv.Tag
	objects  []byte
	inserted int
	commands []string
}

func (u *usurper) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	u.commands = append(u.commands, fmt.Sprintf("%X", command))
	answer, err := u.Transceiver.Transceive(ctx, command)
	if err != nil || len(answer) < 2 {
		return answer, err
	}
	end := len(answer) - 2
	before := u.inserted
	data := u.insert(answer[:end])
	if len(data) > 256 { // there is no room for them
		u.inserted = before
		return answer, nil
	}
	return append(data, answer[end:]...), nil
}

// insert codes data objects again, with the usurper's in front of those of its template.
func (u *usurper) insert(data []byte) (out []byte) {
	list, err := tlv.Parse(data)
	if err != nil {
		return bytes.Clone(data)
	}
	for _, e := range list {
		value := e.Value
		if e.Tag.Constructed() {
			value = u.insert(value)
		}
		if e.Tag == u.template {
			u.inserted++
			value = append(bytes.Clone(u.objects), value...)
		}
		out = tlv.Append(out, e.Tag, value...)
	}
	return out
}

// A card can write nothing that is the terminal's, the payment's or the issuer's: with either kernel, in the directory,
// the FCI, the processing options, a record or beside the cryptogram, whether anybody has a value for it or not.
func TestNoCardWritesForOthers(t *testing.T) {
	others := []tlv.Tag{
		0x9F01, 0x9F15, 0x9F16, 0x9F1A, 0x9F1C, 0x9F1E, 0x9F33, 0x9F35, 0x9F40, 0x9F4E, 0x9F09, 0x9F1B, 0x9F1D, 0x9F22,
		0x81, 0x9F02, 0x9F03, 0x9F04, 0x5F2A, 0x5F36, 0x9A, 0x9F21, 0x9C, 0x9F41, 0x9F37, 0x9F39, 0x9F66,
		0x5F57, 0x9F3A, 0x9F3C, 0x9F3D, 0x99, 0x8A, 0x91, 0x71, 0x72, 0x86, 0x89, 0x98, 0x9F5B, 0x9F06,
	}
	for name, text := range map[string]string{
		"visa":       "application visa\npan 4242424242424242\n",
		"mastercard": "application mastercard\npan 5555555555554444\n",
	} {
		p, err := emvtest.ParseProfile(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		run := func(template tlv.Tag, lies []byte) (tap.Outcome, map[tlv.Tag][]byte, *usurper) {
			t.Helper()
			u := &usurper{Transceiver: emvtest.NewCard(p, nil).Contactless(), template: template, objects: lies}
			tx, err := entry.New(emvtest.Contactless(), payment(), entry.Environment{
				Field: heldCard{u}, UN: func() ([4]byte, error) { return [4]byte{1, 2, 3, 4}, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := tx.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			objects := map[tlv.Tag][]byte{}
			if out.Reading != nil {
				list, err := tlv.Parse(out.Reading.Data())
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range list {
					objects[e.Tag] = e.Value
				}
			}
			return out, objects, u
		}
		honest, want, plainly := run(0, nil)
		if honest.Kind != tap.OnlineRequest || !honest.Reading.Authenticated() {
			t.Fatalf("%s: %+v", name, honest)
		}
		lie := []byte{0x50, 0x02, 0xEE, 0xEE} // well-formed, should the tag be a template
		told := map[tlv.Tag]int{}
		for _, template := range []tlv.Tag{0x6F, 0xA5, 0xBF0C, 0x61, 0x77, 0x70} {
			for some := range slices.Chunk(others, 5) {
				var lies []byte
				for _, tag := range some {
					lies = tlv.Append(lies, tag, lie...)
				}
				out, got, u := run(template, lies)
				if u.inserted == 0 {
					t.Fatalf("%s: no template %s", name, template)
				}
				if n := len(u.commands); n > len(plainly.commands) || !slices.Equal(u.commands, plainly.commands[:n]) {
					t.Errorf("%s, %s in %s: the card was told %q", name, some, template, u.commands)
				}
				told[template] = max(told[template], len(u.commands))
				if out.Kind == tap.Approved {
					t.Errorf("%s, %s in %s: %+v", name, some, template, out)
				}
				for _, tag := range some {
					if out.Reading != nil && (!bytes.Equal(got[tag], want[tag]) || bytes.Equal(got[tag], lie)) {
						t.Errorf("%s, %s in %s: %X, want %X", name, tag, template, got[tag], want[tag])
					}
				}
			}
		}
		for template, n := range told {
			if n != len(plainly.commands) {
				t.Errorf("%s, %s: no tap came to its last command", name, template)
			}
		}
	}
}

// heldCard is a field with one card in it.
type heldCard struct{ card emvkernel.Transceiver }

func (f heldCard) Activate(context.Context) (emvkernel.Transceiver, error) { return f.card, nil }
func (f heldCard) WaitRemoval(context.Context) error                       { return nil }
func (f heldCard) Off() error                                              { return nil }
