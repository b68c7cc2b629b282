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
	"strings"

	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/transcript"
)

const decodeHelp = `
HEX may have spaces, colons and line breaks; a FILE has hexadecimal text or the bytes themselves; "-" is
standard input. An answer to reset, a command, a response with its status word and a list of data objects
(TLV) are recognised; for everything else say what it is with -as.

Card numbers, tracks, names and certificates are masked unless -clear is given.

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
	kind := *as
	if kind == "" {
		if kind, err = decode.Detect(b); err != nil {
			return setup(fmt.Errorf("%w (flag -as)", err))
		}
	}
	if !*clearly {
		mask(kind, b)
	}
	items, err := decode.As(kind, b)
	if errors.Is(err, decode.ErrKind) {
		return usage("-as: %v", err)
	}
	if err != nil {
		return setup(err)
	}
	if *asJSON {
		return a.printJSON(struct {
			Kind  string        `json:"kind"`
			Items []decode.Item `json:"items"`
		}{kind, items})
	}
	for _, i := range items {
		fmt.Fprint(a.stdout, i)
	}
	return nil
}

// mask takes the cardholder out of bytes of a kind.
func mask(kind string, b []byte) {
	r := transcript.NewRedactor()
	switch kind {
	case "tlv":
		r.Learn(nil, append(bytes.Clone(b), 0x90, 0x00))
		r.Answer(nil, b)
	case "response":
		r.Learn(nil, b)
		r.Answer(nil, b[:max(0, len(b)-2)])
	case "command":
		r.Command(b)
	case "track2":
		maskAs(r, "0057", b)
	default:
		maskAs(r, kind, b)
	}
}

// maskAs masks the value of a tag: it is what a GET DATA for it would answer without TLV.
func maskAs(r *transcript.Redactor, kind string, b []byte) {
	tag, err := hex.DecodeString(kind)
	if err == nil && len(tag) == 1 {
		tag = []byte{0, tag[0]}
	}
	if err != nil || len(tag) != 2 {
		return
	}
	get := []byte{0x80, 0xCA, tag[0], tag[1], 0x00}
	r.Learn(get, append(bytes.Clone(b), 0x90, 0x00))
	r.Answer(get, b)
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
	s = strings.NewReplacer(" ", "", ":", "", "\n", "", "\r", "", "\t", "", "0x", "", "0X", "").Replace(s)
	b, err := hex.DecodeString(s)
	return b, err == nil && len(b) > 0
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
