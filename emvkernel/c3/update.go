package c3

import (
	"context"
	"fmt"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// maxScripts is generous: the commands of an answer together have at most 128 bytes in EMV, and a host
// must not be able to keep the card busy for ever.
const maxScripts = 1024 // bytes

// Results of a script, the upper digit of the first byte in '9F5B' (EMV Book 4, Annex A5). The lower digit is
// the number of the command that failed, 15 for the fifteenth and later ones.
const (
	scriptNotPerformed = 0x00
	scriptFailed       = 0x10
	scriptSuccessful   = 0x20
)

// updater brings the issuer's answer to the card, which was presented again for it.
type updater struct {
	card    *tap.Link
	tvr     emvkernel.TVR
	tsi     emvkernel.TSI
	scripts []byte // '9F5B'
}

// update is issuer update processing (Book C-3, 6): issuer authentication, then scripts. What comes of it is for
// the issuer to know ('95', '9B' and '9F5B' in the discretionary data); the payment was decided before.
//
// The card is not asked whether it is the same one: what the issuer sends is protected by keys that only that
// one has.
func update(ctx context.Context, a *tap.Activation) (tap.Outcome, error) {
	u := updater{card: a.Card}
	reason := "issuer update done"
	if err := u.run(ctx, a.Answer); err != nil {
		if ctx.Err() != nil {
			return tap.Outcome{}, err
		}
		reason = "issuer update broke off: " + err.Error()
	}
	a.Log.DebugContext(ctx, "kernel C-3", "outcome", tap.EndApplication.String(), "reason", reason)
	out := tap.Outcome{
		Kind: tap.EndApplication, Reason: reason,
		UI: &tap.UIRequest{Message: tap.CardReadOK, Status: tap.CardReadSuccessfully},
	}
	out.Discretionary = tlv.Append(out.Discretionary, 0x95, u.tvr[:]...)
	out.Discretionary = tlv.Append(out.Discretionary, 0x9B, u.tsi[:]...)
	if len(u.scripts) > 0 {
		out.Discretionary = tlv.Append(out.Discretionary, 0x9F5B, u.scripts...)
	}
	return out, nil
}

func (u *updater) run(ctx context.Context, answer *tap.OnlineAnswer) error {
	scripts, err := splitScripts(answer.Scripts)
	if err != nil {
		return err // nothing of a damaged answer is sent
	}
	if err := u.authenticate(ctx, answer.IssuerAuthenticationData); err != nil {
		return err
	}
	for _, script := range scripts {
		if err := u.script(ctx, script); err != nil {
			return err
		}
	}
	return nil
}

// authenticate passes the issuer authentication data on. A card that does not believe it still gets the
// scripts and judges those by itself [unverified].
func (u *updater) authenticate(ctx context.Context, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if len(data) < 8 || len(data) > 16 {
		return fmt.Errorf("c3: issuer authentication data of %d bytes, want 8 to 16", len(data))
	}
	resp, err := u.card.Send(ctx, apdu.ExternalAuthenticate(data))
	if err != nil {
		return err
	}
	u.tsi.Set(emvkernel.IssuerAuthPerformed)
	if resp.SW != apdu.OK {
		u.tvr.Set(emvkernel.IssuerAuthFailed)
	}
	return nil
}

// splitScripts wants templates '71' and '72' and nothing else. There is no second cryptogram for the one to come
// before and the other after: both run, in the issuer's order.
func splitScripts(raw []byte) ([]tlv.Element, error) {
	if len(raw) > maxScripts {
		return nil, fmt.Errorf("c3: %d bytes of scripts, want at most %d", len(raw), maxScripts)
	}
	list, err := tlv.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("c3: scripts: %w", err)
	}
	for _, e := range list {
		if e.Tag != 0x71 && e.Tag != 0x72 {
			return nil, fmt.Errorf("c3: scripts: tag %s, want 71 or 72", e.Tag)
		}
	}
	return list, nil
}

// script sends one script's commands in order and notes how it went. After a command that failed the rest of
// it is left out; the next script still runs.
func (u *updater) script(ctx context.Context, script tlv.Element) error {
	u.tsi.Set(emvkernel.ScriptPerformed)
	result, id, err := u.commands(ctx, script)
	if result&0xF0 != scriptSuccessful {
		u.tvr.Set(emvkernel.ScriptFailedAfter)
	}
	u.scripts = append(append(u.scripts, result), id[:]...)
	return err
}

func (u *updater) commands(ctx context.Context, script tlv.Element) (result byte, id [4]byte, err error) {
	fields, err := script.Children()
	if err != nil {
		return scriptNotPerformed, id, nil
	}
	if f, ok := tlv.Find(fields, 0x9F18); ok {
		if len(f.Value) != len(id) {
			return scriptNotPerformed, id, nil
		}
		id = [4]byte(f.Value)
	}
	n := 0
	for _, f := range fields {
		if f.Tag != 0x86 {
			continue
		}
		n++
		failed := scriptFailed | byte(min(n, 15))
		cmd, err := apdu.ParseCommand(f.Value)
		if err != nil || cmd.INS == apdu.INSGenerateAC || cmd.INS == apdu.INSGetProcessingOptions {
			return failed, id, nil // the payment is over
		}
		resp, err := u.card.Send(ctx, cmd)
		if err != nil {
			return failed, id, err
		}
		if resp.SW != apdu.OK && !resp.SW.Warning() {
			return failed, id, nil
		}
	}
	return scriptSuccessful, id, nil
}
