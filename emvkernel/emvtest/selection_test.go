package emvtest

import (
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

func TestSelection(t *testing.T) {
	d := newDesk(t, load(t, "two-applications"), nil)
	e, _, err := tlv.ParseOne(d.must(apdu.Select([]byte("1PAY.SYS.DDF01"), false)))
	if err != nil || e.Tag != 0x6F {
		t.Fatal(e.Tag, err)
	}
	d.want(apdu.GetProcessingOptions(nil), apdu.ConditionsOfUse)
	var names []string
	for n := byte(1); ; n++ {
		record, sw := d.send(apdu.ReadRecord(1, n))
		if sw == apdu.RecordNotFound {
			break
		}
		e, _, _ := tlv.ParseOne(record)
		e, _, _ = tlv.ParseOne(e.Value)
		entry, err := e.Children()
		if err != nil {
			t.Fatal(err)
		}
		name, _ := tlv.Find(entry, 0x4F)
		priority, _ := tlv.Find(entry, 0x87)
		names = append(names, string(name.Value))
		if want := []byte{2, 1}[n-1]; priority.Value[0] != want {
			t.Errorf("application %d has priority %d, want %d", n, priority.Value[0], want)
		}
	}
	if len(names) != 2 {
		t.Fatalf("%d directory entries, want 2", len(names))
	}

	// By the common beginning: first, next, no more; and again from the start.
	partial := []byte(names[0][:7])
	for _, c := range []struct {
		next bool
		want string
	}{{false, names[0]}, {true, names[1]}, {true, ""}, {false, names[0]}} {
		data, sw := d.send(apdu.Select(partial, c.next))
		if c.want == "" {
			if sw != apdu.FileNotFound {
				t.Errorf("after the last: %v", sw)
			}
			continue
		}
		e, _, _ := tlv.ParseOne(data)
		inside, _ := e.Children()
		if name, _ := tlv.Find(inside, 0x84); sw != apdu.OK || string(name.Value) != c.want {
			t.Errorf("next %v: %X, want %X", c.next, name.Value, c.want)
		}
	}
}

func TestSelectionOfUnusualCards(t *testing.T) {
	pse := apdu.Select(pseName, false)
	newDesk(t, load(t, "pse-less"), nil).want(pse, apdu.FileNotFound)
	newDesk(t, load(t, "blocked"), nil).want(pse, apdu.FunctionNotSupported)
	d := newDesk(t, load(t, "application-blocked"), nil)
	d.want(apdu.Select(d.card.applications[0].aid, false), apdu.FileInvalidated)
	d.want(apdu.GetProcessingOptions(nil), apdu.ConditionsOfUse)
}
