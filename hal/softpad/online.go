package softpad

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"smartreader/hal"
	"smartreader/hal/dukpt"
	"smartreader/hal/pinblock"
)

// OnlineBlock implements hal.PINPad.
func (p *Pad) OnlineBlock(ctx context.Context, req hal.OnlinePIN) (hal.PINBlock, error) {
	block, err := p.online(ctx, req)
	if err != nil {
		return hal.PINBlock{}, fmt.Errorf("softpad: online PIN: %w", err)
	}
	return block, nil
}

func (p *Pad) online(ctx context.Context, req hal.OnlinePIN) (b hal.PINBlock, err error) {
	if err := p.begin(ctx); err != nil {
		return b, err
	}
	defer p.end()
	// All that can be wrong is found out before the cardholder is asked.
	if err := pinblock.CheckPAN(req.PAN.Bytes()); err != nil {
		return b, fmt.Errorf("%w: %w", hal.ErrUnsupported, err)
	}
	key, err := p.keyNamed(ctx, req.Key)
	if err != nil {
		return b, err
	}
	defer key.Wipe()
	if err := fits(req.Format, key); err != nil {
		return b, err
	}
	b = hal.PINBlock{Format: req.Format, KeyIdentifier: req.Key}
	var pin []byte
	if pin, b.Entry, err = p.enter(ctx, req.Prompt); err != nil || b.Entry != hal.PINEntered {
		return b, err
	}
	once, serial, err := p.spend(ctx, req.Key, key)
	if err != nil {
		return hal.PINBlock{}, err
	}
	b.KeySerial = serial
	if b.Ciphertext, err = encipher(req.Format, once, pin, req.PAN.Bytes()); err != nil {
		return hal.PINBlock{}, err
	}
	return b, nil
}

// keyNamed opens the key of a name, for its use once.
func (p *Pad) keyNamed(ctx context.Context, name string) (dukpt.Device, error) {
	if p.keys == nil {
		return nil, fmt.Errorf("the pad has no key store: %w", hal.ErrUnsupported)
	}
	key, err := open(ctx, p.keys, name)
	if errors.Is(err, hal.ErrNoKey) {
		return nil, fmt.Errorf("no key %q is loaded: %w: %w", name, hal.ErrUnsupported, err)
	}
	return key, err
}

// open reads a key. Its errors match hal.ErrNoKey, dukpt.ErrState or are the
// store's.
func open(ctx context.Context, keys hal.SecretKeeper, name string) (dukpt.Device, error) {
	state, err := keys.Secret(ctx, name)
	defer state.Wipe()
	if err != nil {
		return nil, err
	}
	key, err := dukpt.Parse(state.Bytes())
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	return key, nil
}

// fits says whether a key has something left for blocks of this format.
func fits(format hal.PINBlockFormat, key dukpt.Device) error {
	size := 0
	switch format {
	case hal.ISOFormat0, hal.ISOFormat3:
		size = 8
	case hal.ISOFormat4:
		size = 16
	}
	if size != key.PINBlockSize() {
		return fmt.Errorf("format %d with a cipher of %d bytes: %w", format, key.PINBlockSize(), hal.ErrUnsupported)
	}
	if key.Exhausted() {
		return fmt.Errorf("%w: %w", hal.ErrUnsupported, dukpt.ErrExhausted)
	}
	return nil
}

// spend takes the next key, and returns it only when the store has what comes
// after it: a power cut from here on can lose this key, and never bring it back.
func (p *Pad) spend(ctx context.Context, name string, key dukpt.Device) (cipher.Block, []byte, error) {
	once, serial, err := key.NextPIN()
	if err != nil {
		return nil, nil, err
	}
	state := hal.NewSecret(key.State())
	defer state.Wipe()
	if err := p.keys.SetSecret(ctx, name, state); err != nil {
		return nil, nil, fmt.Errorf("the key's next state was not stored, so it is not used: %w", err)
	}
	return once, serial, nil
}

func encipher(format hal.PINBlockFormat, once cipher.Block, pin, pan []byte) (block []byte, err error) {
	switch format {
	case hal.ISOFormat4:
		return pinblock.Encipher4(once, pin, pan, rand.Reader)
	case hal.ISOFormat3:
		block, err = pinblock.Encode3(pin, pan, rand.Reader)
	default:
		block, err = pinblock.Encode0(pin, pan)
	}
	if err == nil {
		once.Encrypt(block, block)
	}
	return block, err
}
