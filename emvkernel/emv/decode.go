package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/tlv"
	"smartreader/emvkernel/transcript"
)

const decodeHelp = `
HEX may have spaces, colons and line breaks; a FILE has hexadecimal text or the bytes themselves; "-" is
standard input. An answer to reset, a command, a response with its status word and a list of data objects
(TLV) are recognised; for everything else say what it is with -as.

Card numbers, tracks, names, certificates and what may be a card number are masked, and marked so, unless
-clear is given.

Examples:

  emv decode 3BE000008131FE45EB
  emv decode 00A4040007A0000000031010
  emv decode 6F178407A0000000031010A50C500A566973612064656269749000
  emv decode -as tvr 8000008000
  emv decode -as 9F10 06011203A00000
  emv decode -as dol 9F02069F37045F2A02
`

// maxInput is more than any value has.
const maxInput = 1 << 20

func (a *app) decode(_ context.Context, c *command, args []string) error {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	as := set.String("as", "", "what it is: "+strings.Join(decode.Kinds(), ", ")+", or a tag such as 9F10")
	clearly := set.Bool("clear", false, "show card data")
	asJSON := set.Bool("json", false, "print JSON")
	if err := a.parse(c, set, args); err != nil {
		return err
	}
	if set.NArg() == 0 {
		return usage("nothing to decode; give hexadecimal, a file, or - for standard input")
	}
	b, err := a.input(set.Args())
	if err != nil {
		return err
	}
	if bytes.HasPrefix(b, []byte("# EMV transcript")) {
		return usage("that is a recorded transaction; emv run -transcript %s says what is in it", set.Arg(0))
	}
	kind := *as
	if kind == "" {
		if kind, err = decode.Detect(b); err != nil {
			return setup(fmt.Errorf("%w (flag -as)", err))
		}
	}
	items, redacted, err := decoded(kind, b, *clearly)
	if errors.Is(err, decode.ErrKind) {
		return usage("-as: %v", err)
	}
	if err != nil {
		return setup(err)
	}
	if *asJSON {
		err = a.printJSON(struct {
			Kind     string        `json:"kind"`
			Items    []decode.Item `json:"items"`
			Redacted bool          `json:"redacted,omitempty"`
		}{kind, items, redacted})
	} else {
		for _, i := range items {
			fmt.Fprint(a.stdout, i)
		}
		if redacted {
			fmt.Fprint(a.stdout, maskedNote)
		}
	}
	if err == nil && slices.ContainsFunc(items, decode.Item.Malformed) {
		err = setup(errors.New("something in it is malformed, see above"))
	}
	return err
}

const maskedNote = "\nCard data is masked; -clear shows it.\n"

// decoded decodes b, masked unless clearly; redacted tells whether anything was taken out.
func decoded(kind string, b []byte, clearly bool) (items []decode.Item, redacted bool, err error) {
	items, err = decode.As(kind, b)
	if clearly || err != nil {
		return items, false, err
	}
	shown := bytes.Clone(b)
	mask(kind, shown)
	if bytes.Equal(shown, b) {
		return items, false, nil
	}
	masked, err := decode.As(kind, shown)
	if err != nil { // tags or lengths looked like a card number and are gone
		return decode.Hidden(items), true, nil
	}
	return decode.Masked(items, masked), true, nil
}

// mask takes the cardholder out of bytes of a kind.
func mask(kind string, b []byte) {
	r := transcript.NewRedactor()
	switch kind = strings.ToLower(kind); kind {
	case "tlv":
		r.Learn(nil, append(bytes.Clone(b), 0x90, 0x00))
		r.Answer(nil, b)
	case "response":
		r.Learn(nil, b)
		r.Answer(nil, b[:max(0, len(b)-2)])
	case "command":
		r.Command(b)
	case "track2":
		r.Object(0x57, b)
	default:
		tag, err := strconv.ParseUint(kind, 16, 24)
		switch {
		case err != nil: // a kind without card data
		case tlv.Tag(tag).Constructed():
			mask("tlv", b)
		default:
			r.Object(tlv.Tag(tag), b)
		}
	}
}

// input reads what is to be decoded.
func (a *app) input(args []string) ([]byte, error) {
	text := strings.Join(args, "")
	if len(args) == 1 {
		if text == "-" {
			return fromText(io.LimitReader(a.stdin, maxInput))
		}
		if f, err := os.Open(text); err == nil {
			defer f.Close()
			return fromText(io.LimitReader(f, maxInput))
		}
	}
	b, ok := unhex(text)
	if digits := packed(text); !ok && strings.Trim(strings.ToUpper(digits), "0123456789ABCDEF") == "" && digits != "" {
		return nil, usage("%d hexadecimal digits, an odd number: one is missing or too many", len(digits))
	}
	if !ok {
		return nil, usage("the input is neither hexadecimal nor the name of a file")
	}
	return b, nil
}

func fromText(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, setup(err)
	}
	if text, ok := unhex(string(b)); ok {
		return text, nil
	}
	return b, nil
}

// unhex takes hexadecimal with anything people put between it.
func unhex(s string) ([]byte, bool) {
	b, err := hex.DecodeString(packed(s))
	return b, err == nil && len(b) > 0
}

// packed is s without what people put between digits.
func packed(s string) string {
	return strings.NewReplacer(" ", "", ":", "", "\n", "", "\r", "", "\t", "", "0x", "", "0X", "").Replace(s)
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
