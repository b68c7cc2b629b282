package softpad

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"smartreader/hal"
	"smartreader/hal/pinblock"
)

// VERIFY's P2 (EMV Book 3, VERIFY Command-Response APDUs).
const (
	verifyPlain      = 0x80
	verifyEnciphered = 0x88
)

// VerifyOffline implements hal.PINPad.
func (p *Pad) VerifyOffline(ctx context.Context, card hal.Card, req hal.OfflinePIN) (hal.OfflineVerdict, error) {
	verdict, err := p.verify(ctx, card, req)
	if err != nil {
		return hal.OfflineVerdict{}, fmt.Errorf("softpad: offline PIN: %w", err)
	}
	return verdict, nil
}

func (p *Pad) verify(ctx context.Context, card hal.Card, req hal.OfflinePIN) (v hal.OfflineVerdict, err error) {
	var key *cardKey
	switch req.Method {
	case hal.PlainPIN:
	case hal.EncipheredPIN:
		if key, err = newCardKey(req.Modulus, req.Exponent); err != nil {
			return v, err
		}
	default:
		return v, fmt.Errorf("method %d: %w", req.Method, hal.ErrUnsupported)
	}
	if err := p.begin(ctx); err != nil {
		return v, err
	}
	defer p.end()
	pin, ended, err := p.enter(ctx, req.Prompt)
	if err != nil || ended != hal.PINEntered {
		return hal.OfflineVerdict{Entry: ended}, err
	}
	block, err := pinblock.Encode2(pin)
	defer clear(block)
	if err != nil {
		return v, err
	}
	command := []byte{0x00, 0x20, 0x00, verifyPlain, byte(len(block))}
	if key == nil {
		command = append(command, block...)
	} else {
		challenge, sw, err := getChallenge(ctx, card)
		if err != nil {
			return v, err
		}
		if challenge == nil {
			return hal.OfflineVerdict{Entry: ended, SW: sw, Challenge: true}, nil
		}
		data, err := key.encipher(block, challenge)
		if err != nil {
			return v, err
		}
		command[3], command[4] = verifyEnciphered, byte(len(data))
		command = append(command, data...)
	}
	_, sw, err := exchange(ctx, card, command)
	return hal.OfflineVerdict{Entry: ended, SW: sw}, err
}

// cardKey is a card's key for PINs.
type cardKey struct {
	n, e *big.Int
	size int // bytes
}

func newCardKey(modulus, exponent []byte) (*cardKey, error) {
	k := &cardKey{new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent), len(modulus)}
	// 17 bytes are what is in it, 248 is EMV's longest key; the top bit keeps any block below the modulus.
	if k.size < 17 || k.size > 248 || modulus[0] < 0x80 || k.n.Bit(0) == 0 || k.e.Cmp(big.NewInt(3)) < 0 {
		return nil, fmt.Errorf("card key of %d bytes: %w", k.size, hal.ErrUnsupported)
	}
	return k, nil
}

// encipher makes '7F', PIN block, the card's challenge, random padding, under the key (EMV Book 2, 7.2
// "PIN Encipherment and Verification").
func (k *cardKey) encipher(block, challenge []byte) ([]byte, error) {
	plain := make([]byte, k.size)
	defer clear(plain)
	plain[0] = 0x7F
	copy(plain[1:9], block)
	copy(plain[9:17], challenge)
	if _, err := rand.Read(plain[17:]); err != nil {
		return nil, err
	}
	m := new(big.Int).SetBytes(plain)
	defer func() { clear(m.Bits()) }()
	return new(big.Int).Exp(m, k.e, k.n).FillBytes(make([]byte, k.size)), nil
}

// getChallenge gets eight unpredictable bytes of the card (EMV Book 3, GET CHALLENGE Command-Response
// APDUs). It is nil when the card gave none, with the status word that says so, or with none when the
// card called something else a challenge: that must not look like a right PIN.
func getChallenge(ctx context.Context, card hal.Card) (challenge []byte, sw uint16, err error) {
	data, sw, err := exchange(ctx, card, []byte{0x00, 0x84, 0x00, 0x00, 0x00})
	if err == nil && sw>>8 == 0x6C { // not all drivers do this part of T=0
		data, sw, err = exchange(ctx, card, []byte{0x00, 0x84, 0x00, 0x00, byte(sw)})
	}
	switch {
	case err != nil || sw != 0x9000:
		return nil, sw, err
	case len(data) != 8:
		return nil, 0, nil
	}
	return data, sw, nil
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
