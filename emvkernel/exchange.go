package emvkernel

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"smartreader/emvkernel/apdu"
)

// Limits on what a card may draw out: EMV answers have at most 256 data bytes, in however many parts.
const (
	maxParts    = 32
	maxResponse = 256
	// maxCommands bounds one payment. A file locator can name 15,810 records, and each can come in parts;
	// cards need some thirty commands.
	maxCommands = 1024
)

// exchange sends a command and gathers the whole answer. It hides the procedure of protocol T=0 where
// the transport does not: '61xx' is answered with GET RESPONSE, '6Cxx' with the same command and the
// length the card names, a warning that holds data back with GET RESPONSE (EMV Book 1, 9.2.2.1 and
// 9.3.1.1 [unverified]). A T=1 card may answer the same way and is treated the same.
//
// An answer that is none is a decision, not an error: the card broke a rule. An error of the transport
// (the card was pulled, ctx ended) is an error.
func (t *Transaction) exchange(ctx context.Context, name string, cmd apdu.Command) (apdu.Response, error) {
	resp, err := t.corrected(ctx, name, cmd)
	if err != nil || cmd.Le == apdu.NoLe {
		return resp, err
	}
	if resp.SW.Warning() && len(resp.Data) == 0 && len(cmd.Data) > 0 {
		// Under T=0 the data of a command that also sent data waits behind the warning. A card that has
		// none refuses, and the warning stands alone.
		more, err := t.corrected(ctx, name, apdu.GetResponse(0))
		if err == nil {
			more, err = t.gather(ctx, name, more)
		}
		if err == nil && (more.SW == apdu.OK || more.SW == resp.SW) {
			resp.Data = more.Data
		}
		return resp, err
	}
	return t.gather(ctx, name, resp)
}

// gather fetches what waits behind '61xx', until the card says something else.
func (t *Transaction) gather(ctx context.Context, name string, resp apdu.Response) (apdu.Response, error) {
	data := resp.Data
	for range maxParts {
		if !resp.SW.Is(apdu.MoreData) {
			break
		}
		var err error
		if resp, err = t.corrected(ctx, name, apdu.GetResponse(resp.SW.SW2())); err != nil {
			return resp, err
		}
		// The parts are copies too, of what may be an account number.
		whole := slices.Concat(data, resp.Data)
		clear(data)
		clear(resp.Data)
		if data = whole; len(data) > maxResponse {
			return apdu.Response{}, t.unreadable(name)
		}
	}
	if resp.SW.Is(apdu.MoreData) || resp.SW.Is(apdu.WrongLe) {
		return apdu.Response{}, t.unreadable(name)
	}
	resp.Data = data
	return resp, nil
}

// corrected sends a command and, once, again with the length the card asks for by '6Cxx': it has not
// carried the command out.
func (t *Transaction) corrected(ctx context.Context, name string, cmd apdu.Command) (apdu.Response, error) {
	resp, err := t.transceive(ctx, name, cmd)
	if err != nil || cmd.Le == apdu.NoLe || !resp.SW.Is(apdu.WrongLe) || len(resp.Data) != 0 {
		return resp, err
	}
	cmd.Le = int(resp.SW.SW2())
	return t.transceive(ctx, name, cmd)
}

func (t *Transaction) transceive(ctx context.Context, name string, cmd apdu.Command) (apdu.Response, error) {
	raw, err := cmd.Bytes()
	if err != nil {
		// Only a data object list of the card can make a command too long.
		return apdu.Response{}, terminate(name + ": the card asks for more data than a command can carry")
	}
	if t.commands == maxCommands {
		return apdu.Response{}, t.unusable(name + ": the card wants more commands than a payment has")
	}
	t.commands++
	answer, err := t.link.Transceive(ctx, raw)
	if err != nil {
		return apdu.Response{}, fmt.Errorf("emvkernel: %s: %w", name, err)
	}
	resp, err := apdu.ParseResponse(bytes.Clone(answer))
	if err != nil {
		return apdu.Response{}, t.unreadable(name)
	}
	return resp, nil
}

func (t *Transaction) unreadable(name string) error { return t.unusable(name + ": unreadable answer") }

// unusable: before an application is selected another try may help, after that the card broke a rule.
func (t *Transaction) unusable(reason string) error {
	if t.phase <= toSelect {
		return decide(TryAgain, reason)
	}
	return terminate(reason)
}
