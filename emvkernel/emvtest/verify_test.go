package emvtest

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	"smartreader/emvkernel/apdu"
)

func TestPINBlock(t *testing.T) {
	for pin, want := range map[string]string{
		"1234": "241234FFFFFFFFFF", "12345": "2512345FFFFFFFFF", "123456789012": "2C123456789012FF",
	} {
		if got := fmt.Sprintf("%X", pinBlock(pin)); got != want {
			t.Errorf("%d digits: %s, want %s", len(pin), got, want)
		}
	}
}

// The card's side of VERIFY: when it may come, what it may be, and how the tries run down.
func TestVerify(t *testing.T) {
	good, bad := pinBlock("1234"), pinBlock("1235")
	plain := parse(t, "application visa\npan 4242424242424242\ncvm plain-pin always\n")
	d := newDesk(t, plain, nil)
	d.selectFirst()
	d.want(apdu.Verify(plainPIN, good), apdu.ConditionsOfUse) // not started
	d.begin()
	d.want(apdu.Verify(encipheredPIN, good), apdu.WrongP1P2) // not in its list
	d.want(apdu.Verify(plainPIN, good[:7]), apdu.WrongLength)
	d.want(apdu.Command{INS: apdu.INSVerify, P2: plainPIN, Data: good}, apdu.WrongLength) // with Le
	d.want(apdu.Verify(plainPIN, bad), 0x63C2)
	d.want(apdu.Verify(plainPIN, good), apdu.OK)
	for _, want := range []apdu.SW{0x63C2, 0x63C1, 0x63C0, apdu.AuthenticationBlocked} {
		d.want(apdu.Verify(plainPIN, bad), want)
	}
	d.want(apdu.Verify(plainPIN, good), apdu.AuthenticationBlocked)
	if got := d.must(apdu.GetData(0x9F17)); !bytes.Equal(got, []byte{0x9F, 0x17, 1, 0}) {
		t.Errorf("tries % X", got)
	}
	if got := d.generate(apdu.RequestARQC, false)[0x9F10][6]; got&(cvrPINPerformed|cvrPINFailed|cvrPINBlocked) != cvrPINPerformed|cvrPINFailed|cvrPINBlocked {
		t.Errorf("the card tells its issuer %02X", got)
	}
	d.want(apdu.Verify(plainPIN, good), apdu.ConditionsOfUse) // too late

	state := d.card.State() // and it stays blocked
	d = newDesk(t, plain, &state)
	d.begin()
	d.want(apdu.Verify(plainPIN, good), apdu.AuthenticationBlocked)

	d = newDesk(t, load(t, "visa"), nil)
	d.begin()
	d.want(apdu.Verify(plainPIN, good), apdu.WrongP1P2)
}

// An enciphered PIN is good for one challenge, the one just given.
func TestVerifyEnciphered(t *testing.T) {
	for _, key := range []string{"own", "shared"} {
		d := newDesk(t, parse(t, "application visa\npan 4242424242424242\ncvm enciphered-pin always\npin-key "+key+"\n"), nil)
		d.begin()
		k := d.app().pinKey
		if own := d.read[0x9F2D] != nil; own != (key == "own") || own == (k == d.app().icc) {
			t.Errorf("%s: certificate %v", key, own)
		}
		encipher := func(pin string, challenge []byte, header byte) []byte {
			m := append([]byte{header}, pinBlock(pin)...)
			m = append(m, challenge...)
			m = append(m, make([]byte, k.size()-len(m))...)
			return new(big.Int).Exp(new(big.Int).SetBytes(m), big.NewInt(int64(k.e)), k.n).FillBytes(make([]byte, k.size()))
		}
		d.want(apdu.Verify(encipheredPIN, encipher("1234", make([]byte, 8), 0x7F)), apdu.ConditionsOfUse)
		d.want(apdu.Verify(plainPIN, pinBlock("1234")), apdu.WrongP1P2)
		block := encipher("1234", d.must(apdu.GetChallenge()), 0x7F)
		d.want(apdu.Verify(encipheredPIN, block), apdu.OK)
		d.want(apdu.Verify(encipheredPIN, block), apdu.ConditionsOfUse)
		d.must(apdu.GetChallenge())
		d.want(apdu.Verify(encipheredPIN, block), apdu.WrongData) // made for another challenge
		challenge := d.must(apdu.GetChallenge())
		d.must(apdu.GetData(0x9F17))
		d.want(apdu.Verify(encipheredPIN, encipher("1234", challenge, 0x7F)), apdu.ConditionsOfUse)
		d.want(apdu.Verify(encipheredPIN, encipher("1234", d.must(apdu.GetChallenge()), 0x7E)), apdu.WrongData)
		challenge = d.must(apdu.GetChallenge())
		d.want(apdu.Verify(encipheredPIN, encipher("1234", challenge, 0x7F)[1:]), apdu.WrongLength)
		// None of these was a try.
		d.want(apdu.Verify(encipheredPIN, encipher("4321", d.must(apdu.GetChallenge()), 0x7F)), 0x63C2)
	}
}
