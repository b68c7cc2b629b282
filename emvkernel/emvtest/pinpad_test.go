package emvtest

import (
	"context"
	"math/big"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// pad is a PIN pad with a cardholder at it, who enters some wrong PINs first.
type pad struct {
	card   *Card
	pin    string
	wrong  int64
	bypass bool
	asked  []emvkernel.OfflinePIN
}

func (p *pad) VerifyOffline(ctx context.Context, pin emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	p.asked = append(p.asked, pin)
	if p.bypass {
		return emvkernel.PINVerdict{Entry: emvkernel.PINBypassed}, nil
	}
	entered := p.pin
	if p.wrong > 0 {
		p.wrong--
		entered = "0000"
	}
	block, p2 := pinBlock(entered), byte(plainPIN)
	if pin.Enciphered {
		challenge, sw, err := p.send(ctx, apdu.GetChallenge())
		if err != nil || sw != apdu.OK {
			return emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: sw, Challenge: true}, err
		}
		plain := append(append([]byte{0x7F}, block...), challenge...)
		plain = append(plain, make([]byte, len(pin.Modulus)-len(plain))...)
		n, e := new(big.Int).SetBytes(pin.Modulus), new(big.Int).SetBytes(pin.Exponent)
		block, p2 = new(big.Int).Exp(new(big.Int).SetBytes(plain), e, n).FillBytes(plain), encipheredPIN
	}
	_, sw, err := p.send(ctx, apdu.Verify(p2, block))
	return emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: sw}, err
}

func (p *pad) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	if p.bypass {
		return emvkernel.PINBypassed, nil
	}
	return emvkernel.PINEntered, nil
}

func (p *pad) send(ctx context.Context, cmd apdu.Command) ([]byte, apdu.SW, error) {
	raw, err := cmd.Bytes()
	if err != nil {
		return nil, 0, err
	}
	for {
		answer, err := p.card.Exchange(ctx, raw)
		if err != nil {
			return nil, 0, err
		}
		r, err := apdu.ParseResponse(answer)
		if err != nil || r.SW.SW1() != 0x6C {
			return r.Data, r.SW, err
		}
		raw[len(raw)-1] = r.SW.SW2() // T=0
	}
}
