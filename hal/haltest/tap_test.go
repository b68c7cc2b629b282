package haltest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"smartreader/hal"
)

// played is a card whose answers are given by what it is asked.
type played struct {
	hal.Card
	answer func(command []byte) ([]byte, error)
	asked  int
}

func (p *played) Transceive(_ context.Context, command []byte) ([]byte, error) {
	p.asked++
	return p.answer(command)
}

// ok is an answer with status 9000.
func ok(parts ...[]byte) []byte { return append(bytes.Join(parts, nil), 0x90, 0x00) }

// card plays a card with these answers to the directory, the selection and the
// processing options; every record is "70 00".
func card(directory, selected, options []byte) *played {
	return &played{answer: func(command []byte) ([]byte, error) {
		switch {
		case bytes.Contains(command, []byte("2PAY")):
			return directory, nil
		case command[1] == 0xA4:
			return selected, nil
		case command[1] == 0xA8:
			return options, nil
		}
		return ok([]byte{0x70, 0x00}), nil
	}}
}

var (
	aid       = []byte{0xA0, 0, 0, 0, 0x03, 0x10, 0x10}
	directory = ok(object(0x6F, object(0x84, []byte("2PAY")), object(0xA5, object(0xBF0C,
		object(0x61, object(0x50, []byte("X")), object(0x4F, aid)), object(0x61, object(0x4F, aid[:5]))))))
)

func selected(pdol ...byte) []byte {
	return ok(object(0x6F, object(0x84, aid), object(0xA5, object(0x9F38, pdol))))
}

func TestReadCard(t *testing.T) {
	files := func(afl ...byte) []byte { return ok(object(0x77, object(0x82, []byte{0, 0}), object(0x94, afl))) }
	for name, c := range map[string]struct {
		card     *played
		commands int
		records  int
		ended    string
	}{
		"whole, format 2":   {card(directory, selected(0x9F, 0x02, 6), files(0x08, 1, 2, 0, 0x10, 3, 3, 1)), 6, 3, ""},
		"whole, format 1":   {card(directory, selected(), ok(object(0x80, []byte{0, 0, 0x08, 1, 1, 0}))), 4, 1, ""},
		"no files":          {card(directory, selected(), ok(object(0x77, object(0x82, []byte{0, 0})))), 3, 0, ""},
		"no directory":      {card([]byte{0x6A, 0x82}, nil, nil), 1, 0, "SELECT PPSE: status 6A82"},
		"empty directory":   {card(ok(), nil, nil), 1, 0, "lists no application"},
		"odd name":          {card(ok(object(0x6F, object(0xA5, object(0xBF0C, object(0x61, object(0x4F, aid[:4])))))), nil, nil), 1, 0, "lists no application"},
		"blocked":           {card(directory, []byte{0x62, 0x83}, nil), 2, 0, "SELECT application: status 6283"},
		"list that is none": {card(directory, selected(0x9F), nil), 2, 0, "9F38"},
		"list without end":  {card(directory, selected(0x9F, 0x80, 0x80, 0x80, 1), nil), 2, 0, "9F38"},
		"asks for too much": {card(directory, selected(0x9F, 0x02, 254), nil), 2, 0, "9F38"},
		"other interface":   {card(directory, selected(), []byte{0x69, 0x84}), 3, 0, "GET PROCESSING OPTIONS: status 6984"},
		"files of no sense": {card(directory, selected(), files(0x08, 1, 2)), 3, 0, "94"},
		"file 0":            {card(directory, selected(), files(0x00, 1, 2, 0)), 3, 0, "94"},
		"record 0":          {card(directory, selected(), files(0x08, 0, 2, 0)), 3, 0, "94"},
		"last before first": {card(directory, selected(), files(0x08, 2, 1, 0)), 3, 0, "94"},
		"too many records":  {card(directory, selected(), files(0x08, 1, 255, 0)), 3 + mostRecords, mostRecords, "too many"},
	} {
		got, err := ReadCard(t.Context(), c.card)
		if err != nil || got.Commands != c.commands || c.card.asked != c.commands || got.Records != c.records ||
			c.ended == "" && got.Ended != "" || !strings.Contains(got.Ended, c.ended) {
			t.Errorf("%s: %+v, %v; want %d commands, %d records, %q", name, got, err, c.commands, c.records, c.ended)
		}
	}
	for name, answer := range map[string][]byte{"nothing": nil, "half a status": {0x90}} {
		if _, err := ReadCard(t.Context(), card(answer, nil, nil)); err == nil {
			t.Errorf("%s was taken for an answer", name)
		}
	}
	gone := &played{answer: func([]byte) ([]byte, error) { return nil, hal.ErrCardRemoved }}
	if _, err := ReadCard(t.Context(), gone); !errors.Is(err, hal.ErrCardRemoved) {
		t.Errorf("got %v, want what Transceive said", err)
	}
}

// TestProcessingOptions: a tag that is not known is answered with zeros of the
// length asked for, in the order asked, also twice.
//
// EMV fact 1: the output of a list follows its order, duplicates allowed; EMV
// fact 3: it is always wrapped in 83, an empty one is 8300, and Le is sent.
func TestProcessingOptions(t *testing.T) {
	for name, c := range map[string]struct{ list, want []byte }{
		"empty":      {nil, []byte{0x80, 0xA8, 0, 0, 2, 0x83, 0, 0}},
		"twice":      {[]byte{0x9A, 3, 0x9A, 3}, []byte{0x80, 0xA8, 0, 0, 8, 0x83, 6, 0, 0, 0, 0, 0, 0, 0}},
		"qualifiers": {[]byte{0x9A, 1, 0x9F, 0x66, 4}, []byte{0x80, 0xA8, 0, 0, 7, 0x83, 5, 0, 0x26, 0, 0, 0, 0}},
		"odd ones":   {[]byte{0x9F, 0x66, 2}, []byte{0x80, 0xA8, 0, 0, 4, 0x83, 2, 0, 0, 0}},
		"long tag":   {[]byte{0xDF, 0x81, 0x24, 1}, []byte{0x80, 0xA8, 0, 0, 3, 0x83, 1, 0, 0}},
	} {
		if got, ok := processingOptions(c.list); !ok || !bytes.Equal(got, c.want) {
			t.Errorf("%s: % X, %v, want % X", name, got, ok, c.want)
		}
	}
	if got, ok := processingOptions([]byte{0x9F, 0x02, 252}); !ok || len(got) != 5+255+1 || got[6] != 0x81 {
		t.Errorf("the longest: %d bytes, %v", len(got), ok)
	}
}

func TestTestCard(t *testing.T) {
	c := &TestCard{}
	c.Reset()
	seen := map[int]bool{}
	tap, err := readCard(t.Context(), direct{c}, func(file, number byte, data []byte) {
		if !bytes.Equal(data, testRecord(file, number)) {
			t.Errorf("record %d of file %d", number, file)
		}
		seen[len(data)+2] = true
	}, func(name []byte) {
		if string(name) != testAID {
			t.Errorf("its name is % X", name)
		}
	})
	if err != nil || tap.Ended != "" || tap.Records != 14 || tap.Commands != c.Commands() || tap.Longest != 258 {
		t.Errorf("%+v, %v", tap, err)
	}
	for _, n := range []int{6, 62, 129, 130, 249, 250, 251, 252, 253, 254, 255, 256, 257, 258} {
		if !seen[n] {
			t.Errorf("no answer of %d bytes", n)
		}
	}
	for name, c := range map[string]struct {
		command string
		want    []byte
	}{
		"no command":        {"\x00\xA4\x04\x00", []byte{0x67, 0x00}},
		"unknown":           {"\x00\x84\x00\x00\x00", []byte{0x6D, 0x00}},
		"no such record":    {"\x00\xB2\x05\x0C\x00", []byte{0x6A, 0x83}},
		"no such file":      {"\x00\xB2\x01\x1C\x00", []byte{0x6A, 0x83}},
		"record 0":          {"\x00\xB2\x00\x0C\x00", []byte{0x6A, 0x83}},
		"other name":        {"\x00\xA4\x04\x00\x05ABCDE\x00", []byte{0x6A, 0x82}},
		"echo":              {"\x80\xE0\x00\x00\x02hi\x00", []byte("hi\x90\x00")},
		"echo without Le":   {"\x80\xE0\x00\x00\x02hi", []byte("hi\x90\x00")},
		"echo, wrong Lc":    {"\x80\xE0\x00\x00\x05hi", []byte{0x67, 0x00}},
		"options, too few":  {"\x80\xA8\x00\x00\x02\x83\x00\x00", []byte{0x67, 0x00}},
		"options, one less": {"\x80\xA8\x00\x00\x22\x83\x20" + strings.Repeat("\x00", 33), []byte{0x67, 0x00}},
	} {
		if got, _ := (direct{&TestCard{selected: true}}).Transceive(t.Context(), []byte(c.command)); !bytes.Equal(got, c.want) {
			t.Errorf("%s: % X, want % X", name, got, c.want)
		}
	}
	c.Reset()
	if got, _ := c.Exchange(t.Context(), []byte("\x00\xB2\x01\x0C\x00")); !bytes.Equal(got, []byte{0x69, 0x85}) || c.Resets() != 2 {
		t.Errorf("after a reset: % X, %d resets", got, c.Resets())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&TestCard{Delay: time.Hour}).Exchange(ctx, []byte(selectPPSE)); !errors.Is(err, context.Canceled) {
		t.Errorf("taken away: %v", err)
	}
}

// direct is a test card without a driver.
type direct struct{ *TestCard }

func (d direct) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	return d.Exchange(ctx, command)
}
func (direct) Close() error { return nil }

// FuzzReadCard has a card say anything, in turn, to what it is asked: reading it
// ends, and soon.
func FuzzReadCard(f *testing.F) {
	f.Add(directory, selected(0x9F, 0x66, 4, 0x9A, 3), ok(object(0x80, []byte{0, 0, 0x08, 1, 3, 1})), ok([]byte{0x70, 0}))
	f.Add(directory, selected(), ok(object(0x77, object(0x94, []byte{0x08, 1, 255, 0}))), ok())
	f.Add([]byte{0x6A, 0x82}, []byte{}, []byte{0x90}, []byte{0x6A, 0x83})
	f.Add(ok([]byte{0x6F, 0x82, 0xFF, 0xFF, 0xA5}), selected(0xDF, 0x81), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, directory, selected, options, record []byte) {
		c := card(directory, selected, options)
		play := c.answer
		c.answer = func(command []byte) ([]byte, error) {
			if command[1] == 0xB2 {
				return record, nil
			}
			if len(command) > 5+255+1 || command[1] == 0xA8 && (len(command) < 8 || command[5] != 0x83) {
				t.Fatalf("asked % X", command)
			}
			return play(command)
		}
		tap, err := ReadCard(t.Context(), c)
		if c.asked > 3+mostRecords || tap.Commands > c.asked {
			t.Fatalf("%d commands, %+v", c.asked, tap)
		}
		if (err != nil || tap.Ended != "") && tap.Records == mostRecords && c.asked < mostRecords {
			t.Fatalf("%+v", tap)
		}
	})
}

// FuzzTake: reading data objects never goes beyond what there is, and what was
// built is what is read.
func FuzzTake(f *testing.F) {
	f.Add([]byte{0x9F, 0x38, 0x03, 1, 2, 3, 0x50, 0x00})
	f.Add([]byte{0xDF, 0x81, 0x24, 0x81, 0x01, 0xFF})
	f.Add([]byte{0x5F, 0x81, 0x82, 0x03, 0x00})
	f.Add([]byte{0x70, 0x83, 0x00, 0x00, 0x01, 0x00})
	f.Add([]byte{0x70, 0x80, 0x00, 0x00})
	f.Add([]byte{0x50, 0x01})
	f.Add([]byte{0x50, 0x81, 0x02, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; ; {
			e, behind, ok := take(rest)
			if !ok {
				break
			}
			if len(behind)+len(e.value)+2 > len(rest) {
				t.Fatalf("%d bytes give a value of %d with %d behind it", len(rest), len(e.value), len(behind))
			}
			if back, none, ok := take(object(e.tag, e.value)); !ok || back.tag != e.tag || !bytes.Equal(back.value, e.value) || len(none) != 0 {
				// Tags with zeros in them cannot be built again.
				if e.tag&0xFF != 0 && e.tag&0xFF00 != 0 || e.tag < 0x100 {
					t.Fatalf("%X is %X after building it again", e.tag, back.tag)
				}
			}
			rest = behind
		}
		find(b, 0x6F, 0xA5, 0xBF0C, 0x61, 0x4F)
	})
}
