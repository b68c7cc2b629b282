package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// pad is a PIN pad for test cards: its digits come from a flag or a prompt.
type pad struct {
	card   emvkernel.Transceiver
	digits string // one PIN for each try, with commas; "prompt" asks
	tries  int    // how many there were
	prompt io.Writer
	lines  *bufio.Reader
}

// enter returns the digits, or how the entry ended instead.
func (p *pad) enter(again bool, tries int, bypass bool) (string, emvkernel.PINEntry, error) {
	if p.digits != "prompt" {
		all := strings.Split(p.digits, ",")
		p.tries++
		return all[min(p.tries, len(all))-1], emvkernel.PINEntered, nil // the last until the card takes no more
	}
	if again {
		fmt.Fprintln(p.prompt, "The PIN was wrong.")
	}
	if tries > 0 {
		fmt.Fprintf(p.prompt, "Tries left: %d. ", tries)
	}
	fmt.Fprint(p.prompt, "PIN (empty: cancel")
	if bypass {
		fmt.Fprint(p.prompt, ", -: go on without")
	}
	fmt.Fprint(p.prompt, "): ")
	line, err := p.lines.ReadString('\n')
	line = strings.TrimSpace(line)
	switch {
	case err != nil && line == "", line == "":
		return "", emvkernel.PINCanceled, nil
	case line == "-" && bypass:
		return "", emvkernel.PINBypassed, nil
	case !validPIN(line):
		return "", 0, errors.New("a PIN has 4 to 12 digits")
	}
	return line, emvkernel.PINEntered, nil
}

// validPINs: one or more PINs, with commas.
func validPINs(s string) bool {
	for pin := range strings.SplitSeq(s, ",") {
		if !validPIN(pin) {
			return false
		}
	}
	return true
}

func validPIN(s string) bool {
	return len(s) >= 4 && len(s) <= 12 && strings.Trim(s, "0123456789") == ""
}

// VerifyOffline presents the PIN to the card (EMV Book 3, 6.5.12; enciphered: Book 2, 7.2).
func (p *pad) VerifyOffline(ctx context.Context, pin emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	digits, entry, err := p.enter(pin.Again, pin.TriesLeft, pin.Bypass)
	if err != nil || entry != emvkernel.PINEntered {
		return emvkernel.PINVerdict{Entry: entry}, err
	}
	text := fmt.Sprintf("2%X%s", len(digits), digits)
	block, _ := unhex(text + strings.Repeat("F", 16-len(text)))
	cmd := apdu.Verify(0x80, block)
	if pin.Enciphered {
		challenge, err := p.send(ctx, apdu.GetChallenge())
		if err == nil && challenge.SW == apdu.OK && len(challenge.Data) != 8 {
			challenge.SW = apdu.NoPreciseDiagnosis // no challenge: nothing that could be called right
		}
		if err != nil || challenge.SW != apdu.OK {
			return emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: challenge.SW, Challenge: true}, err
		}
		plain := append(append([]byte{0x7F}, block...), challenge.Data...)
		padding := make([]byte, len(pin.Modulus)-len(plain))
		if _, err := rand.Read(padding); err != nil {
			return emvkernel.PINVerdict{}, err
		}
		m := new(big.Int).SetBytes(append(plain, padding...))
		m.Exp(m, new(big.Int).SetBytes(pin.Exponent), new(big.Int).SetBytes(pin.Modulus))
		cmd = apdu.Verify(0x88, m.FillBytes(make([]byte, len(pin.Modulus))))
	}
	answer, err := p.send(ctx, cmd)
	return emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: answer.SW}, err
}

// EnterOnline takes a PIN and makes no block of it: there is no issuer that could use one.
func (p *pad) EnterOnline(_ context.Context, pin emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	_, entry, err := p.enter(false, 0, pin.Bypass)
	return entry, err
}

func (p *pad) send(ctx context.Context, cmd apdu.Command) (apdu.Response, error) {
	raw, err := cmd.Bytes()
	if err != nil {
		return apdu.Response{}, err
	}
	answer, err := p.card.Transceive(ctx, raw)
	if err != nil {
		return apdu.Response{}, err
	}
	return apdu.ParseResponse(answer)
}
