package emvkernel

import (
	"context"
	"fmt"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// script is one issuer script: commands the issuer sends to its card through the terminal
// (EMV Book 3, 10.10 and Annex E).
type script struct {
	id       [4]byte // '9F18', zeros when absent
	commands [][]byte
	bad      bool // not parseable: reported as not performed [unverified]
}

// maxScripts is generous: the commands of an answer together have at most 128 bytes in EMV, and a host
// must not be able to keep the card busy for ever.
const maxScripts = 1024 // bytes

// parseScripts splits the issuer's scripts into those before and after the second GENERATE AC. A
// damaged list is an ErrAnswer; a damaged script inside it is only not performed.
func parseScripts(raw []byte) (before, after []script, err error) {
	if len(raw) > maxScripts {
		return nil, nil, fmt.Errorf("%w: %d bytes of scripts", ErrAnswer, len(raw))
	}
	list, err := tlv.Parse(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: scripts: %w", ErrAnswer, err)
	}
	for _, e := range list {
		switch e.Tag {
		case 0x71:
			before = append(before, parseScript(e))
		case 0x72:
			after = append(after, parseScript(e))
		default:
			return nil, nil, fmt.Errorf("%w: scripts: tag %s", ErrAnswer, e.Tag)
		}
	}
	return before, after, nil
}

func parseScript(e tlv.Element) script {
	var s script
	fields, err := e.Children()
	if err != nil {
		return script{bad: true}
	}
	for _, f := range fields {
		switch f.Tag {
		case 0x9F18:
			if len(f.Value) != 4 {
				return script{bad: true}
			}
			s.id = [4]byte(f.Value)
		case 0x86:
			s.commands = append(s.commands, f.Value)
		}
	}
	return s
}

// Results of a script, the upper digit of the first byte in '9F5B' (EMV Book 4, Annex A5). The lower
// digit is the number of the command that failed, 15 for the fifteenth and later ones.
const (
	scriptNotPerformed = 0x00
	scriptFailed       = 0x10
	scriptSuccessful   = 0x20
)

// runScripts sends each script's commands in order. A command has failed unless the card answers with
// '9000' or a warning; the rest of that script is then left out, the next script still runs. A script
// without commands is successful [unverified]. flag is the TVR bit of a failure.
func (t *Transaction) runScripts(ctx context.Context, list []script, flag Flag) error {
	for _, s := range list {
		t.tsi.Set(ScriptPerformed)
		result, err := t.runScript(ctx, s)
		if result&0xF0 != scriptSuccessful {
			t.tvr.Set(flag)
		}
		t.scripts = append(append(t.scripts, result), s.id[:]...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Transaction) runScript(ctx context.Context, s script) (result byte, err error) {
	if s.bad {
		return scriptNotPerformed, nil
	}
	for i, raw := range s.commands {
		failed := scriptFailed | byte(min(i+1, 15))
		cmd, err := apdu.ParseCommand(raw)
		if err != nil {
			return failed, nil
		}
		if cmd.INS == apdu.INSGenerateAC {
			return failed, nil // the two of a transaction are the terminal's
		}
		resp, err := t.exchange(ctx, "issuer script command", cmd)
		if err == nil && resp.SW.Is(apdu.MoreData) {
			// Under T=0 a card cannot see that the command expects no data, and may have some.
			resp, err = t.exchange(ctx, "issuer script command", apdu.GetResponse(resp.SW.SW2()))
		}
		if err != nil {
			return failed, err
		}
		if resp.SW != apdu.OK && !resp.SW.Warning() {
			return failed, nil
		}
	}
	return scriptSuccessful, nil
}
