package c2

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// DataExchange is what a terminal application wants of a card besides the payment: data read, and written.
type DataExchange struct {
	// Read are the tags to read (DF8112). What no record holds is asked for with GET DATA, which costs a
	// command each; tags of one or two bytes only.
	Read []tlv.Tag
	// Decide is called once, when all was read and before anything is written: it is the "proceed to first
	// write". Read has those of the tags the card has, and is gone when it returns; what no record held, nobody
	// has signed. It ends with ctx, which has the kernel's timeout. An error ends the application. Nil: nothing
	// is written.
	Decide func(ctx context.Context, read []tlv.Element) (Writes, error)
}

// Writes are data objects to be put into the card, in this order, before and after its cryptogram: its
// unprotected data envelopes, '9F75' to '9F79' (FF8102, FF8103).
type Writes struct{ Before, After []tlv.Element }

// maxExchange bounds what a terminal application may ask for in one tap.
const maxExchange = 16

func (d *DataExchange) check() error {
	if len(d.Read) > maxExchange {
		return fmt.Errorf("data exchange reads %d tags, want at most %d", len(d.Read), maxExchange)
	}
	for _, tag := range d.Read {
		if !tag.Valid() || tag > 0xFFFF || tag.Constructed() || tag.Sensitive() {
			return fmt.Errorf("data exchange: tag %s cannot be read", tag)
		}
	}
	return nil
}

func (w *Writes) check() error {
	for _, list := range [][]tlv.Element{w.Before, w.After} {
		if len(list) > maxExchange {
			return errors.New("too many data objects to be written")
		}
		for _, e := range list {
			if e.Tag < 0x9F75 || e.Tag > 0x9F79 || len(e.Value) > 192 {
				return fmt.Errorf("tag %s cannot be written; want 9F75 to 9F79, up to 192 bytes", e.Tag)
			}
		}
	}
	return nil
}

// exchangeData reads what the terminal application wants to know and asks it what to write (Book C-2, "Data
// Exchange", states 5 and 6).
func (t *transaction) exchangeData(ctx context.Context) error {
	d := t.k.DataExchange
	if d == nil {
		return nil
	}
	var read []tlv.Element
	defer func() {
		for _, e := range read {
			clear(e.Value)
		}
	}()
	for _, tag := range d.Read {
		value := bytes.Clone(t.o.Get(tag))
		if value == nil && !t.o.Owned(tag) {
			resp, err := t.send(ctx, apdu.GetData(uint16(tag)))
			if err != nil {
				return err
			}
			e, rest, err := tlv.ParseOne(resp.Data)
			if resp.SW != apdu.OK || err != nil || len(rest) != 0 || e.Tag != tag {
				continue // the card does not have it
			}
			value = e.Value
		}
		if value != nil {
			read = append(read, tlv.Element{Tag: tag, Value: value})
		}
	}
	if d.Decide == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, t.k.ExchangeTimeout)
	defer cancel()
	write, err := d.Decide(limited, read)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("c2: data exchange: %w", ctx.Err())
	case limited.Err() != nil:
		return &ending{kind: tap.EndApplication, l3: l3TimeOut, reason: "the terminal application did not answer in time"}
	case err != nil:
		return &ending{kind: tap.EndApplication, l3: l3Stop, reason: "the terminal application stopped the transaction"}
	}
	if err := write.check(); err != nil {
		return fmt.Errorf("c2: data exchange: %w", err)
	}
	t.write = write
	return nil
}

// writeBefore puts data into the card before its cryptogram. A card that refuses is not written any more,
// and the status says so.
func (t *transaction) writeBefore(ctx context.Context) error {
	return t.put(ctx, t.write.Before, tagPutBeforeStatus)
}

// writeAfter does so behind it. The decision is made: whatever happens now changes nothing but the status.
func (t *transaction) writeAfter(ctx context.Context) error {
	if len(t.write.After) == 0 {
		return nil
	}
	err := t.put(ctx, t.write.After, tagPutAfterStatus)
	if ctx.Err() != nil {
		return err
	}
	t.cardRead()
	return nil
}

func (t *transaction) put(ctx context.Context, list []tlv.Element, status tlv.Tag) error {
	if len(list) == 0 {
		return nil
	}
	t.o.Set(status, 0x00)
	for _, e := range list {
		resp, err := t.send(ctx, apdu.Command{
			CLA: 0x80, INS: 0xDA, P1: byte(e.Tag >> 8), P2: byte(e.Tag), Data: e.Value, Le: apdu.NoLe,
		})
		if err != nil {
			return err
		}
		if resp.SW != apdu.OK {
			return nil
		}
	}
	t.o.Set(status, 0x80)
	return nil
}
