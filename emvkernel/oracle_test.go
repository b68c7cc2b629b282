package emvkernel_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// conversation stands between kernel and card, may change what the card says, and remembers both what it
// said and what the kernel was told. What the kernel may make of it is judged here by other means than the
// kernel's own.
type conversation struct {
	card    emvkernel.Transceiver
	change  func(n int, answer []byte, earlier [][]byte) []byte // nil: none
	frames  []frame                                             // as the kernel had it
	genuine [][]byte                                            // what the card answered
	truth   map[tlv.Tag][]byte                                  // what is signed of the card's account, if anything
}

// commandLimit is more than any card can make of one payment.
const commandLimit = mostCommands + 1

func (c *conversation) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if len(c.frames) == commandLimit {
		return nil, errPulled
	}
	if _, err := apdu.ParseCommand(command); err != nil {
		return nil, err // the kernel sends malformed commands: visible as an untyped error
	}
	answer, err := c.card.Transceive(ctx, command)
	if err != nil {
		return nil, err
	}
	c.genuine = append(c.genuine, bytes.Clone(answer))
	if c.change != nil {
		var earlier [][]byte
		for _, f := range c.frames {
			earlier = append(earlier, f.answer)
		}
		answer = c.change(len(c.frames), bytes.Clone(answer), earlier)
	}
	c.frames = append(c.frames, frame{bytes.Clone(command), bytes.Clone(answer)})
	return answer, nil
}

// last finds the last command of an instruction, and what was gathered as the answer to it: from the card,
// and as the kernel was told.
func (c *conversation) last(ins byte) (cmd apdu.Command, card, told []byte, found bool) {
	for i, f := range slices.Backward(c.frames) {
		if f.command[1] != ins {
			continue
		}
		cmd, _ = apdu.ParseCommand(f.command)
		for j := i; j < len(c.frames) && (j == i || c.frames[j].command[1] == apdu.INSGetResponse); j++ {
			card = append(card, data(c.genuine[j])...)
			told = append(told, data(c.frames[j].answer)...)
		}
		return cmd, card, told, true
	}
	return apdu.Command{}, nil, nil, false
}

func data(answer []byte) []byte { return answer[:max(0, len(answer)-2)] }

// signature splits an answer into its signature, '9F4B' or the whole of '80', and the rest in order.
func signature(answer []byte) (signature []byte, rest [][]byte) {
	e, _, err := tlv.ParseOne(answer)
	if err != nil {
		return nil, nil
	}
	if e.Tag == 0x80 {
		return e.Value, nil
	}
	list, err := e.Children()
	if err != nil {
		return nil, nil
	}
	for _, e := range list {
		if e.Tag == 0x9F4B {
			signature = e.Value
		} else {
			rest = append(rest, e.Raw)
		}
	}
	return signature, rest
}

// cryptogramKind is what the card answered, as the kernel was told.
func cryptogramKind(answer []byte) (kind byte, ok bool) {
	e, _, err := tlv.ParseOne(answer)
	if err != nil {
		return 0, false
	}
	if e.Tag == 0x80 && len(e.Value) > 0 {
		return e.Value[0] & 0xC0, true
	}
	list, err := e.Children()
	if err != nil {
		return 0, false
	}
	cid, have := tlv.Find(list, 0x9F27)
	return cid.Value[0] & 0xC0, have && len(cid.Value) == 1
}

// altered reports whether the kernel was told other static data than the issuer signed, another issuer
// certificate, or one of the further tags in another way, than the card answered.
func (c *conversation) altered(further ...tlv.Tag) bool {
	_, card, told, _ := c.last(apdu.INSGetProcessingOptions)
	madeAIP, afl := options(card)
	givenAIP, aflTold := options(told)
	signed := signedRecords(afl)
	if !slices.Equal(signed, signedRecords(aflTold)) {
		return true
	}
	for i, f := range slices.Backward(c.frames) {
		if f.command[1] == apdu.INSGetProcessingOptions {
			break // those before it are the directory's
		}
		if f.command[1] != apdu.INSReadRecord || len(f.answer) == 2 && f.answer[0] == 0x6C {
			continue // '6Cxx': asked again
		}
		card, told := data(c.genuine[i]), data(f.answer)
		for j := i + 1; j < len(c.frames) && c.frames[j].command[1] == apdu.INSGetResponse; j++ {
			card, told = slices.Concat(card, data(c.genuine[j])), slices.Concat(told, data(c.frames[j].answer))
		}
		sfi := f.command[3] >> 3
		if slices.Contains(signed, [2]byte{sfi, f.command[2]}) && !bytes.Equal(signedPart(sfi, card), signedPart(sfi, told)) {
			return true
		}
		made, _ := inside(card, 0x70)
		given, _ := inside(told, 0x70)
		for _, tag := range append(further, 0x8F, 0x90, 0x92, 0x9F32) {
			want, _ := tlv.Find(made, tag)
			if got, _ := tlv.Find(given, tag); !bytes.Equal(got.Value, want.Value) {
				return true
			}
		}
		if _, covered := tlv.Find(made, 0x9F4A); covered && !bytes.Equal(madeAIP, givenAIP) {
			return true
		}
	}
	return false
}

// signedPart is the value of the template in files 1 to 10, the whole record in others.
func signedPart(sfi byte, record []byte) []byte {
	if e, _, err := tlv.ParseOne(record); err == nil && sfi <= 10 {
		return e.Value
	}
	return record
}

// signedRecords lists files and records the issuer signed.
func signedRecords(afl []byte) (list [][2]byte) {
	for ; len(afl) >= 4; afl = afl[4:] {
		for n := range afl[3] {
			list = append(list, [2]byte{afl[0] >> 3, afl[1] + n})
		}
	}
	return list
}

// code takes an issuer action code from the records the kernel read.
func (c *conversation) code(tag tlv.Tag, absent byte) (code [5]byte) {
	for i := range code {
		code[i] = absent
	}
	for i, f := range c.frames {
		if f.command[1] != apdu.INSReadRecord || f.command[3]>>3 > 10 {
			continue
		}
		record := data(f.answer)
		for j := i + 1; j < len(c.frames) && c.frames[j].command[1] == apdu.INSGetResponse; j++ {
			record = append(bytes.Clone(record), data(c.frames[j].answer)...)
		}
		e, _, err := tlv.ParseOne(record)
		if err != nil || e.Tag != 0x70 {
			continue
		}
		list, err := e.Children()
		if err != nil {
			continue
		}
		if e, have := tlv.Find(list, tag); have && len(e.Value) == 5 {
			return [5]byte(e.Value)
		}
	}
	return code
}

func anyBit(tvr emvkernel.TVR, codes ...[5]byte) bool {
	for _, code := range codes {
		for i := range 4 { // the bits of byte 5 are set after the terminal has decided
			if tvr[i]&code[i] != 0 {
				return true
			}
		}
	}
	return false
}

// check judges an outcome. answer is what Complete was given, nil for Collect.
func (c *conversation) check(t *testing.T, cfg *emvkernel.Config, tx *emvkernel.Transaction, answer *emvkernel.Answer, out emvkernel.Outcome, err error) {
	t.Helper()
	if len(c.frames) == commandLimit {
		t.Fatal("the card keeps the kernel busy for ever")
	}
	if err != nil {
		if !errors.Is(err, errPulled) && !errors.Is(err, emvkernel.ErrPINPad) {
			t.Fatalf("error %v", err)
		}
		if out.Kind != emvkernel.Undecided {
			t.Fatalf("outcome %v beside the error %v", out, err)
		}
		return
	}
	approvedByIssuer := answer != nil && answer.Kind == emvkernel.IssuerAnswered && answer.ARC == [2]byte{'0', '0'}
	if out.Reverse != (approvedByIssuer && out.Kind != emvkernel.Approved) {
		t.Fatalf("%v: reverse is %v", out, out.Reverse)
	}
	if answer == nil {
		c.checkAuthenticated(t, tx)
	}
	switch out.Kind {
	case emvkernel.Declined, emvkernel.NotAccepted, emvkernel.CardBlocked, emvkernel.TryAgain, emvkernel.Terminated, emvkernel.Canceled, emvkernel.TimedOut:
		return
	case emvkernel.OnlineRequest:
		if answer != nil {
			t.Fatal("the issuer is asked twice")
		}
	case emvkernel.Approved:
	default:
		t.Fatalf("outcome %v", out)
	}

	cmd, card, told, _ := c.last(apdu.INSGenerateAC)
	kind, ok := cryptogramKind(told)
	if out.Kind == emvkernel.OnlineRequest {
		if !ok || kind != apdu.RequestARQC || cmd.P1&0xC0 == apdu.RequestAAC {
			t.Fatalf("%v: asked for %02X, answer %X", out, cmd.P1, told)
		}
	} else if !ok || kind != apdu.RequestTC || cmd.P1&0xC0 != apdu.RequestTC {
		t.Fatalf("%v: asked for %02X, answer %X", out, cmd.P1, told)
	}
	if answer == nil && cmd.P1&apdu.RequestCDA == 0 && c.promisesCDA() && cfg.Terminal.Capabilities[2]&0x08 != 0 && !tx.TVR().Has(emvkernel.CDAFailed) {
		t.Fatalf("%v: card and terminal can combine, and it was not asked for", out)
	}
	if cmd.P1&apdu.RequestCDA != 0 {
		made, rest := signature(card)
		got, given := signature(told)
		if !tx.Authenticated() || made == nil || !bytes.Equal(made, got) || !slices.EqualFunc(rest, given, bytes.Equal) {
			t.Fatalf("%v on a signature the card did not make: %X, the card's %X", out, told, card)
		}
	} else if answer != nil && tx.TVR()[0]&0xCC == 0 && !tx.TVR().Has(emvkernel.SDASelected) && c.combinedFirst() {
		t.Fatalf("%v: the first cryptogram was signed and the second was not asked to be", out)
	}
	if tvr := tx.TVR(); tvr.Has(emvkernel.SDASelected) && !tvr.Has(emvkernel.SDAFailed) && c.altered(0x93) {
		t.Fatalf("%v: what the issuer did not sign passed static authentication", out)
	}
	if len(tx.Receipt().Cryptogram) != 8 {
		t.Fatalf("%v without a cryptogram", out)
	}
	c.checkDataSet(t, tx, out)
	if out.Kind == emvkernel.Approved && !approvedByIssuer {
		c.checkOfflineApproval(t, cfg, tx, answer, out)
	}
}

// promisesCDA: the interchange profile, as the kernel was told.
func (c *conversation) promisesCDA() bool {
	_, _, told, _ := c.last(apdu.INSGetProcessingOptions)
	aip, _ := options(told)
	return len(aip) > 0 && aip[0]&aipCDA != 0
}

func (c *conversation) combinedFirst() bool {
	for _, f := range c.frames {
		if f.command[1] == apdu.INSGenerateAC {
			return f.command[2]&apdu.RequestCDA != 0
		}
	}
	return false
}

// checkOfflineApproval: nobody but card and terminal approved. The acquirer must have allowed it, the card
// must have been authenticated, and no action code may object.
func (c *conversation) checkOfflineApproval(t *testing.T, cfg *emvkernel.Config, tx *emvkernel.Transaction, answer *emvkernel.Answer, out emvkernel.Outcome) {
	t.Helper()
	var app *emvkernel.Application
	for i := range cfg.Applications {
		a := &cfg.Applications[i]
		if bytes.HasPrefix(tx.Card().AID, a.AID) && (app == nil || len(a.AID) > len(app.AID)) {
			app = a
		}
	}
	environment := cfg.Terminal.Type & 0x0F
	onlineOnly, offlineOnly := environment == 1 || environment == 4, environment == 3 || environment == 6
	if app == nil || !app.OfflineApproval || onlineOnly {
		t.Fatalf("%v, and the terminal must not approve", out)
	}
	if answer != nil && answer.Kind != emvkernel.UnableToGoOnline {
		t.Fatalf("%v after answer %d", out, answer.Kind)
	}
	tvr := tx.TVR()
	if !tx.Authenticated() || tvr[0]&0xDE != 0 {
		t.Fatalf("%v without dynamic authentication: TVR %v", out, tvr)
	}
	codes := [][5]byte{app.TACDenial, c.code(0x9F0E, 0x00)}
	if offlineOnly || answer != nil {
		codes = append(codes, app.TACDefault, c.code(0x9F0D, 0xFF))
	}
	if !offlineOnly && answer == nil {
		codes = append(codes, app.TACOnline, c.code(0x9F0F, 0xFF))
	}
	if anyBit(tvr, codes...) {
		t.Fatalf("%v: TVR %v, action codes %X", out, tvr, codes)
	}
}

// checkAuthenticated: whatever passed for authenticated is what the card signed.
func (c *conversation) checkAuthenticated(t *testing.T, tx *emvkernel.Transaction) {
	t.Helper()
	if !tx.Authenticated() {
		return
	}
	if tx.TVR()[0]&0xCE != 0 || !tx.TSI().Has(emvkernel.ODAPerformed) {
		t.Fatalf("authenticated: TVR %v, TSI %v", tx.TVR(), tx.TSI())
	}
	ins := byte(apdu.INSGenerateAC)
	if !c.combinedFirst() {
		ins = apdu.INSInternalAuthenticate
	}
	if cmd, card, told, found := c.last(ins); !found {
		t.Fatal("authenticated without a signature")
	} else if un := payment().UnpredictableNumber; ins == apdu.INSInternalAuthenticate && !bytes.Contains(cmd.Data, un[:]) {
		t.Fatal("authenticated by a signature without the unpredictable number")
	} else if c.card != nil {
		made, _ := signature(card)
		got, _ := signature(told)
		if len(made) == 0 || !bytes.Equal(made, got) {
			t.Fatalf("authenticated by a signature the card did not make: %X, the card's %X", told, card)
		}
	}
	if c.altered(0x9F46, 0x9F47, 0x9F48) {
		t.Fatal("authenticated with other static data or certificates than the card's")
	}
	if account, have := c.truth[0x5A]; have {
		n := 0
		for _, d := range tx.Card().PAN {
			if n < 2*len(account) && d-'0' != account[n/2]>>(4*(1-n%2))&0x0F {
				t.Fatal("authenticated with another account number than the signed one")
			}
			n++
		}
	}
}

// checkDataSet: what an issuer needs is there, and is what the card and the kernel said.
func (c *conversation) checkDataSet(t *testing.T, tx *emvkernel.Transaction, out emvkernel.Outcome) {
	t.Helper()
	list, err := tlv.Parse(tx.ACData())
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []tlv.Tag{0x9F26, 0x9F27, 0x9F36, 0x9F37, 0x95, 0x9F02, 0x5A, 0x5F24} {
		if _, have := tlv.Find(list, tag); !have {
			t.Fatalf("%v: data set without %v", out, tag)
		}
	}
	if e, _ := tlv.Find(list, 0x9F02); !bytes.Equal(e.Value, []byte{0, 0, 0, 0, 0x12, 0x50}) {
		t.Fatalf("%v: amount %X", out, e.Value)
	}
	if e, _ := tlv.Find(list, 0x5F24); tx.Authenticated() && c.truth[0x5F24] != nil && !bytes.Equal(e.Value, c.truth[0x5F24]) {
		t.Fatalf("%v: authenticated with another expiry date than the signed one", out)
	}
}
