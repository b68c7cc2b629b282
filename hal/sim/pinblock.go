package sim

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"smartreader/hal"
)

// pinBlock is the block an offline PIN travels in: '2', the number of digits, the digits, filled with 'F'
// (EMV Book 3, 6.5.12 "VERIFY Command-Response APDUs").
func pinBlock(digits []byte) []byte {
	block := bytes.Repeat([]byte{0xFF}, 8)
	block[0] = 0x20 | byte(len(digits))
	for i, d := range digits {
		at := 1 + i/2
		if i%2 == 0 {
			block[at] = (d-'0')<<4 | 0x0F
		} else {
			block[at] = block[at]&0xF0 | (d - '0')
		}
	}
	return block
}

// rsaKey is a card's key for PINs.
type rsaKey struct {
	n, e *big.Int
	size int
}

func newRSAKey(modulus, exponent []byte) (*rsaKey, error) {
	k := &rsaKey{new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent), len(modulus)}
	// 17 bytes are what is in it, 248 is EMV's longest key; the top bit keeps any block below the modulus.
	if k.size < 17 || k.size > 248 || modulus[0] < 0x80 || k.n.Bit(0) == 0 || k.e.Cmp(big.NewInt(3)) < 0 {
		return nil, fmt.Errorf("key of %d bytes: %w", k.size, hal.ErrUnsupported)
	}
	return k, nil
}

// encipher makes '7F', PIN block, the card's challenge, random padding, under the key (EMV Book 2, 7.2
// "PIN Encipherment and Verification").
func (k *rsaKey) encipher(block, challenge []byte) ([]byte, error) {
	plain := make([]byte, k.size)
	defer clear(plain)
	plain[0] = 0x7F
	copy(plain[1:9], block)
	copy(plain[9:17], challenge)
	if _, err := rand.Read(plain[17:]); err != nil {
		return nil, err
	}
	m := new(big.Int).SetBytes(plain)
	defer clear(m.Bits())
	return new(big.Int).Exp(m, k.e, k.n).FillBytes(make([]byte, k.size)), nil
}

// getChallenge gets eight unpredictable bytes of the card (EMV Book 3, 6.5.6).
func getChallenge(ctx context.Context, card hal.Card) (challenge []byte, sw uint16, err error) {
	le := byte(0)
	for range 2 {
		if challenge, sw, err = exchange(ctx, card, []byte{0x00, 0x84, 0x00, 0x00, le}); err != nil || sw>>8 != 0x6C {
			break
		}
		le = byte(sw) // a T=0 card names the length
	}
	if err == nil && sw == 0x9000 && len(challenge) != 8 {
		err = fmt.Errorf("challenge of %d bytes: %w", len(challenge), hal.ErrMute)
	}
	return challenge, sw, err
}

// exchange sends a command, and wipes it.
func exchange(ctx context.Context, card hal.Card, command []byte) (data []byte, sw uint16, err error) {
	defer clear(command)
	response, err := card.Transceive(ctx, command)
	if err != nil {
		return nil, 0, err
	}
	n := len(response) - 2
	if n < 0 {
		return nil, 0, fmt.Errorf("%d bytes instead of a status word: %w", len(response), hal.ErrMute)
	}
	return response[:n], uint16(response[n])<<8 | uint16(response[n+1]), nil
}
