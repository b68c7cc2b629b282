package c3

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// initiate tells the card what it asks for and keeps its answer (Book C-3, 5.2).
func (t *transaction) initiate(ctx context.Context) error {
	pdol, err := t.selected()
	if err != nil {
		return err
	}
	data := pdol.Build(t.objects.Get)
	resp, err := t.a.Card.Send(ctx, apdu.GetProcessingOptions(data))
	if err != nil {
		return t.broken(ctx, err)
	}
	// Book C-3, 5.2.2.2.
	switch resp.SW {
	case apdu.OK:
		return t.options(resp.Data)
	case apdu.DataInvalidated: // 6984
		return t.elsewhere("GET PROCESSING OPTIONS: the card is to be used by another interface")
	case apdu.ConditionsOfUse: // 6985
		return &stop{tap.Outcome{Kind: tap.SelectNext, Start: tap.StartC, Reason: "GET PROCESSING OPTIONS: the card withdraws the application"}}
	case apdu.CommandNotAllowed: // 6986
		return t.seePhone()
	default:
		return t.end("GET PROCESSING OPTIONS: " + resp.SW.String())
	}
}

// selected keeps what the card said when it was selected and returns its PDOL. An application that does not
// ask for the terminal transaction qualifiers is not one for this kernel (Book B, 3.3).
func (t *transaction) selected() (tlv.DOL, error) {
	fci, rest, err := tlv.ParseOne(bytes.Clone(t.a.FCI)) // the objects are wiped
	if err != nil || fci.Tag != 0x6F || len(rest) != 0 {
		return nil, t.end("SELECT: malformed file control information")
	}
	for e, err := range tlv.All(fci.Value) {
		if err != nil {
			return nil, t.end("SELECT: malformed file control information")
		}
		if e.Tag != 0xA5 {
			continue
		}
		if err := t.objects.FromTemplate(e.Raw, 0xA5); err != nil {
			return nil, t.end("SELECT: " + err.Error())
		}
	}
	pdol, err := tlv.ParseDOL(t.objects.Get(0x9F38))
	if err != nil {
		return nil, t.end("SELECT: malformed PDOL")
	}
	for _, item := range pdol {
		if item.Tag == 0x9F66 && item.Length == len(t.ttq) {
			return pdol, nil
		}
	}
	return nil, &stop{tap.Outcome{Kind: tap.SelectNext, Start: tap.StartC, Reason: "SELECT: the card does not ask for the terminal transaction qualifiers"}}
}

// options keeps the answer: format 2 ('77') are data objects, format 1 ('80') is AIP and AFL (Book C-3, 4.2).
func (t *transaction) options(data []byte) error {
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 {
		return t.end("GET PROCESSING OPTIONS: malformed answer")
	}
	switch {
	case e.Tag == 0x77:
		err = t.objects.FromTemplate(data, 0x77)
	case e.Tag == 0x80 && len(e.Value) >= 6 && (len(e.Value)-2)%4 == 0:
		err = errors.Join(
			t.objects.FromCard(tlv.Element{Tag: 0x82, Value: e.Value[:2]}),
			t.objects.FromCard(tlv.Element{Tag: 0x94, Value: e.Value[2:]}))
	default:
		return t.end(fmt.Sprintf("GET PROCESSING OPTIONS: answer of unknown format %v", e.Tag))
	}
	if err != nil {
		return t.end("GET PROCESSING OPTIONS: " + err.Error())
	}
	if len(t.objects.Get(0x82)) != 2 {
		return t.end("GET PROCESSING OPTIONS: no application interchange profile")
	}
	return nil
}
