package emvkernel

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// directoryName is the payment system environment (EMV Book 1, 12.2.2).
const directoryName = "1PAY.SYS.DDF01"

// maxCandidates bounds how many applications a card may offer, for one AID and in all: it could go on for
// ever, and a directory has room for thousands somebody would have to choose from.
const maxCandidates = 32

// candidate is an application both sides have.
type candidate struct {
	name      []byte // the card's name for it ('4F' in the directory, '84' in the FCI)
	label     appLabel
	languages []byte // '5F2D' of the FCI it was found in, the directory's or its own
	priority  byte   // 1 is best; 0: none given, comes last
	confirm   bool   // must not be used without the cardholder's consent
	app       *Application
}

// BuildCandidates finds the applications card and terminal have in common: from the card's directory,
// or, when it has none, an unusable one, or one without a common application, by asking for every AID
// the terminal accepts (EMV Book 1, 12.3.2 and 12.3.3).
//
// What the outcomes mean for a terminal that can also read a magnetic stripe: TryAgain says that the chip
// could not be read, and after some tries the stripe may be all there is. With CardBlocked, NotAccepted
// and every outcome of a later step the chip was read: there is no other way to pay with this card.
func (t *Transaction) BuildCandidates(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "build candidates", toBuild, toSelect, func(ctx context.Context) error {
		list, err := t.readDirectory(ctx)
		if err == nil && len(list) == 0 {
			list, err = t.probeAIDs(ctx)
		}
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return decide(NotAccepted, "no application in common")
		}
		// Applications of equal rank keep the card's order.
		slices.SortStableFunc(list, func(a, b candidate) int { return a.rank() - b.rank() })
		t.candidates = list
		return nil
	})
}

// rank orders candidates: by the card's priority, and eftpos Australia and Cartes Bancaires behind the
// international scheme that shares their card. Only there a payment can be deferred, and whether this one
// must be is not known yet. The choice is the merchant's where these cards are issued [unverified].
// Interac keeps its place: at home its cards refuse the other application.
func (c *candidate) rank() int {
	rank := int(c.priority)
	if rank == 0 {
		rank = 16
	}
	if c.app.Brand == "eftpos_au" || c.app.Brand == "cartes_bancaires" {
		rank += 16
	}
	return rank
}

// readDirectory returns the applications of the card's directory that the terminal accepts. Anything
// wrong with the directory gives an empty list; only '6A81' ends the transaction: the card is blocked
// or has no SELECT. A record may hold any number of entries ('61'), also none. Entries without an
// application ('9D' names another directory, which EMV does not have any more) and discretionary data
// ('73') are passed over.
func (t *Transaction) readDirectory(ctx context.Context) ([]candidate, error) {
	resp, err := t.exchange(ctx, "SELECT directory", apdu.Select([]byte(directoryName), false))
	if err != nil {
		return nil, err
	}
	if resp.SW == apdu.FunctionNotSupported {
		return nil, decide(CardBlocked, "card blocked, or without the SELECT command")
	}
	if resp.SW != apdu.OK {
		return nil, nil
	}
	f, err := parseFCI(resp.Data)
	if err != nil || string(f.name) != directoryName {
		return nil, nil
	}
	sfi, ok := tlv.Find(f.proprietary, 0x88)
	if !ok || len(sfi.Value) != 1 || sfi.Value[0] < 1 || sfi.Value[0] > 10 {
		return nil, nil
	}
	var list []candidate
	for record := byte(1); record != 0; record++ {
		resp, err := t.exchange(ctx, "READ RECORD directory", apdu.ReadRecord(sfi.Value[0], record))
		if err != nil {
			return nil, err
		}
		if resp.SW == apdu.RecordNotFound {
			return list, nil
		}
		if resp.SW != apdu.OK {
			return nil, nil
		}
		entries, err := parseTemplate(resp.Data, 0x70)
		if err != nil || wellFormed(resp.Data) != nil {
			return nil, nil
		}
		for _, e := range entries {
			if e.Tag != 0x61 {
				continue
			}
			fields, _ := e.Children() // well-formed
			if name, ok := tlv.Find(fields, 0x4F); ok {
				list = t.addCandidate(list, name.Value, fields, f)
			}
		}
	}
	return list, nil
}

// probeAIDs asks the card for each AID of the terminal. Where the terminal allows partial names and
// the card answered with a longer one, it goes on asking for the next one.
func (t *Transaction) probeAIDs(ctx context.Context) ([]candidate, error) {
	var list []candidate
	for i := range t.cfg.Applications {
		app := &t.cfg.Applications[i]
		seen := map[string]bool{}
		for n := range maxCandidates {
			resp, err := t.exchange(ctx, "SELECT application", apdu.Select(app.AID, n > 0))
			if err != nil {
				return nil, err
			}
			if resp.SW == apdu.FunctionNotSupported && n == 0 {
				return nil, decide(CardBlocked, "card blocked, or without the SELECT command")
			}
			blocked := resp.SW == apdu.FileInvalidated
			if resp.SW != apdu.OK && !blocked {
				break
			}
			f, err := parseFCI(resp.Data)
			if err != nil || !bytes.HasPrefix(f.name, app.AID) || seen[string(f.name)] {
				break
			}
			seen[string(f.name)] = true
			if !blocked {
				list = t.addCandidate(list, f.name, f.proprietary, f)
			}
			if !app.PartialMatch || len(f.name) == len(app.AID) {
				break
			}
		}
	}
	return list, nil
}

// addCandidate appends the card's application if the terminal accepts its name, it is not listed and there
// is room.
// fields are the application's, from the directory or its FCI; source is the FCI that says which alphabet
// they are in, and which languages the cardholder speaks.
func (t *Transaction) addCandidate(list []candidate, name []byte, fields []tlv.Element, source fci) []candidate {
	app := t.application(name)
	if app == nil || len(list) == maxCandidates {
		return list
	}
	for i := range list {
		if bytes.Equal(list[i].name, name) {
			return list
		}
	}
	table, _ := tlv.Find(source.proprietary, 0x9F11)
	speaks, _ := tlv.Find(source.proprietary, 0x5F2D)
	c := candidate{
		name: bytes.Clone(name), app: app, languages: bytes.Clone(speaks.Value),
		label: readLabel(fields, table.Value, app.additionalCapabilities(&t.cfg.Terminal)),
	}
	if api, ok := tlv.Find(fields, 0x87); ok && len(api.Value) == 1 {
		c.priority = api.Value[0] & 0x0F
		c.confirm = api.Value[0]&0x80 != 0
	}
	return append(list, c)
}

// application returns the terminal's application for a name of the card: the one with the longest AID
// that is equal to the name, or that begins it where the terminal allows that.
func (t *Transaction) application(name []byte) *Application {
	var best *Application
	for i := range t.cfg.Applications {
		a := &t.cfg.Applications[i]
		if bytes.Equal(a.AID, name) || (a.PartialMatch && len(name) <= 16 && bytes.HasPrefix(name, a.AID)) {
			if best == nil || len(a.AID) > len(best.AID) {
				best = a
			}
		}
	}
	return best
}

// SelectApplication chooses among the candidates, with the cardholder where there is a choice or the
// card wants consent, and selects the application. A card that refuses one, or answers with another,
// loses it from the list and the choice is made again (EMV Book 1, 12.4; that another name counts as a
// refusal is [unverified]).
func (t *Transaction) SelectApplication(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "select application", toSelect, toInitiate, func(ctx context.Context) error {
		for len(t.candidates) > 0 {
			i, err := t.choose(ctx)
			if err != nil {
				return err
			}
			c := t.candidates[i]
			t.candidates = slices.Delete(t.candidates, i, i+1)
			resp, err := t.exchange(ctx, "SELECT application", apdu.Select(c.name, false))
			if err != nil {
				return err
			}
			if resp.SW != apdu.OK {
				continue // '6283': the application is blocked
			}
			f, err := parseFCI(resp.Data)
			if err != nil || !bytes.Equal(f.name, c.name) {
				continue
			}
			t.begin(c, f)
			return nil
		}
		return decide(NotAccepted, "no application left to select")
	})
}

// choose returns the index of the candidate to select. Picking one of several is consent to it, so no
// application picked is asked about again (EMV Book 1, 12.4).
func (t *Transaction) choose(ctx context.Context) (int, error) {
	if t.holder == nil {
		// Nobody to ask: the best one that does not insist on consent, which nobody can give.
		for i := range t.candidates {
			if !t.candidates[i].confirm {
				return i, nil
			}
		}
		return 0, decide(NotAccepted, "application needs confirmation and nobody can give it")
	}
	if len(t.candidates) == 1 {
		c := t.candidates[0]
		if !c.confirm {
			return 0, nil
		}
		ok, err := t.holder.ConfirmApplication(ctx, c.display())
		if err != nil {
			return 0, fmt.Errorf("emvkernel: confirm application: %w", err)
		}
		if !ok {
			return 0, decide(NotAccepted, "cardholder did not confirm the application")
		}
		return 0, nil
	}
	labels := make([]string, len(t.candidates))
	for i := range t.candidates {
		labels[i] = t.candidates[i].display()
	}
	i, err := t.holder.ChooseApplication(ctx, labels)
	if err != nil {
		return 0, fmt.Errorf("emvkernel: choose application: %w", err)
	}
	if i < 0 || i >= len(t.candidates) {
		return 0, fmt.Errorf("%w: cardholder chose application %d of %d", ErrConfig, i, len(t.candidates))
	}
	return i, nil
}

// dataObjects is how many data objects a card usually has.
const dataObjects = 48

// begin starts afresh with a selected application; nothing of an application tried before survives.
func (t *Transaction) begin(c candidate, f fci) {
	for _, v := range t.card {
		clear(v)
	}
	*t = Transaction{
		cfg: t.cfg, params: t.params, link: t.link, holder: t.holder, log: t.log,
		phase: t.phase, commands: t.commands, candidates: t.candidates,
		selected: c, app: c.app,
		card: make(map[tlv.Tag][]byte, dataObjects), seen: make(map[tlv.Tag]bool, dataObjects),
	}
	t.card[0x84] = bytes.Clone(f.name)
	for _, e := range f.proprietary {
		if inFCI(e.Tag) {
			t.keep(e)
		}
	}
	// The application's own word on its names counts more than the directory's.
	own := readLabel(f.proprietary, t.card[0x9F11], t.app.additionalCapabilities(&t.cfg.Terminal))
	if own.label != "" {
		t.selected.label.label = own.label
	}
	if own.preferred != "" {
		t.selected.label.preferred = own.preferred
	}
}

// inFCI lists what is taken from the FCI: names, priority, languages, and the PDOL, which are needed
// before any record can be read. Everything else a card has to say stands in its records. The FCI is
// never part of the data the card's signature covers: anybody between card and terminal could add an
// expiry date, a CVM list or action codes to it.
func inFCI(tag tlv.Tag) bool {
	switch tag {
	case 0x50, 0x87, 0x5F2D, 0x9F11, 0x9F12, 0x9F38:
		return true
	default:
		return false
	}
}
