package haltest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"sync"

	"smartreader/hal"
)

// cardKey is the key of the cards PIN pads talk to here: too short for anything
// else.
var cardKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err) // there is no randomness
	}
	return key
})

func cardModulus() []byte { return cardKey().N.Bytes() }

// request asks for a PIN in one way.
func request(m hal.OfflineMethod) hal.OfflinePIN {
	req := hal.OfflinePIN{Prompt: prompt(), Method: m}
	if m == hal.EncipheredPIN {
		req.Modulus, req.Exponent = cardModulus(), big.NewInt(int64(cardKey().E)).Bytes()
	}
	return req
}

// pinCard is a card that knows GET CHALLENGE and VERIFY. It keeps the commands
// themselves too, to see what becomes of them.
type pinCard struct {
	answer    uint16 // to VERIFY
	challenge []byte // the answer to GET CHALLENGE; nil: a good one
	fails     error  // VERIFY

	commands [][]byte // copies
	sent     [][]byte // what was handed over
	filling  []byte   // of an enciphered PIN
}

// challenge is what the card gives.
var challenge = []byte{0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8}

// Instructions (EMV Book 3, 6.5).
const (
	insVerify       = 0x20
	insGetChallenge = 0x84
)

func (c *pinCard) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.commands = append(c.commands, bytes.Clone(command))
	c.sent = append(c.sent, command)
	switch {
	case len(command) < 5:
		return []byte{0x67, 0x00}, nil
	case command[1] == insGetChallenge && c.challenge != nil:
		return c.challenge, nil
	case command[1] == insGetChallenge:
		return append(bytes.Clone(challenge), 0x90, 0x00), nil
	case command[1] == insVerify && c.fails != nil:
		return nil, c.fails
	case command[1] == insVerify:
		return []byte{byte(c.answer >> 8), byte(c.answer)}, nil
	}
	return []byte{0x6D, 0x00}, nil
}

func (*pinCard) ATR() []byte  { return []byte{0x3B, 0x00} }
func (*pinCard) Close() error { return nil }

// verified counts VERIFY commands.
func (c *pinCard) verified() (n int) {
	for _, command := range c.commands {
		if len(command) > 1 && command[1] == insVerify {
			n++
		}
	}
	return n
}

// kept says whether a VERIFY command still holds what it held when it was sent.
func (c *pinCard) kept() bool {
	for i, command := range c.commands {
		if len(command) > 5 && command[1] == insVerify && bytes.Equal(command[5:], c.sent[i][5:]) {
			return true
		}
	}
	return false
}

// flaw says what is wrong with the commands that should have brought a PIN, and
// never shows one.
func (c *pinCard) flaw(m hal.OfflineMethod, pin string) string {
	if c.kept() {
		return "the digits are still in the command that was sent, want them overwritten"
	}
	p2, before := byte(0x80), 0
	if m == hal.EncipheredPIN {
		p2, before = 0x88, 1
	}
	if len(c.commands) != before+1 {
		return fmt.Sprintf("got %d commands, want %d", len(c.commands), before+1)
	}
	if before == 1 && !bytes.Equal(c.commands[0], []byte{0x00, insGetChallenge, 0x00, 0x00, 0x00}) {
		return "got another command than GET CHALLENGE before VERIFY"
	}
	verify := c.commands[before]
	if len(verify) < 6 || !bytes.Equal(verify[:4], []byte{0x00, insVerify, 0x00, p2}) || int(verify[4]) != len(verify)-5 {
		return fmt.Sprintf("VERIFY begins % X with %d bytes, want 00 20 00 %02X, the length and that many bytes", verify[:min(5, len(verify))], len(verify), p2)
	}
	data := verify[5:]
	if m == hal.EncipheredPIN {
		plain := decipher(data)
		if len(data) != len(plain) || plain[0] != 0x7F {
			return "VERIFY does not open with the card's key to a byte 7F, want the PIN enciphered as in EMV Book 2, 7.2"
		}
		if !bytes.Equal(plain[9:17], challenge) {
			return "VERIFY does not hold the card's challenge"
		}
		data, c.filling = plain[1:9], plain[17:]
	}
	if !bytes.Equal(data, verifyBlock(pin)) {
		return "VERIFY does not hold the PIN that was entered as 2, its length, its digits and F"
	}
	return ""
}

// decipher opens what was enciphered for the card.
func decipher(data []byte) []byte {
	key := cardKey()
	m := new(big.Int).Exp(new(big.Int).SetBytes(data), key.D, key.N)
	return m.FillBytes(make([]byte, (key.N.BitLen()+7)/8))
}

// digits says how long the PIN was that the card got, by the block's own word; 0:
// none.
func (c *pinCard) digits(m hal.OfflineMethod) int {
	for _, command := range c.commands {
		if command[1] != insVerify || len(command) < 5+8 {
			continue
		}
		block := command[5:]
		if m == hal.EncipheredPIN {
			block = decipher(block)[1:]
		}
		return int(block[0] & 0x0F)
	}
	return 0
}

// verifyBlock is the PIN as a card wants it (EMV Book 3, VERIFY Command-Response
// APDUs).
func verifyBlock(pin string) []byte {
	text := fmt.Sprintf("2%X%s", len(pin), pin)
	for len(text) < 16 {
		text += "F"
	}
	block, ok := new(big.Int).SetString(text, 16)
	if !ok {
		panic("haltest: a PIN of digits")
	}
	return block.FillBytes(make([]byte, 8))
}
