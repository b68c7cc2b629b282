package iso7816

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"smartreader/hal"
)

// step is one unit on the wire and what comes back.
type step struct {
	send    string // hex with blanks, T=1 blocks without their check byte
	receive string
	err     error
	wait    int // 0: 1
}

// playback is a transport that knows what must be sent.
type playback struct {
	t     *testing.T
	steps []step
	check bool // add a check byte to all units
}

func (p *playback) Exchange(_ context.Context, unit []byte, wait int) ([]byte, error) {
	p.t.Helper()
	if len(p.steps) == 0 {
		p.t.Fatalf("nothing more was to be sent, got % X", unit)
	}
	s := p.steps[0]
	p.steps = p.steps[1:]
	if want := p.unhex(s.send); !bytes.Equal(unit, want) {
		p.t.Fatalf("sent % X, want % X", unit, want)
	}
	if wait != max(s.wait, 1) {
		p.t.Errorf("% X sent with %d waiting times, want %d", unit, wait, max(s.wait, 1))
	}
	return p.unhex(s.receive), s.err
}

func (p *playback) unhex(s string) []byte {
	var out []byte
	for _, word := range strings.Fields(s) {
		var c byte
		times := 1
		word, repeat, many := strings.Cut(word, "*")
		if many {
			fmt.Sscanf(repeat, "%d", &times)
		}
		if _, err := fmt.Sscanf(word, "%02x", &c); err != nil {
			p.t.Fatalf("%q: %v", word, err)
		}
		out = append(out, bytes.Repeat([]byte{c}, times)...)
	}
	if p.check && len(out) > 0 {
		out = append(out, xor(out))
	}
	return out
}

func (p *playback) done() {
	p.t.Helper()
	if len(p.steps) > 0 {
		p.t.Errorf("%d steps were not played, next is %s", len(p.steps), p.steps[0].send)
	}
}

func TestT0(t *testing.T) {
	broken := errors.New("cable cut")
	tests := []struct {
		name     string
		whole    bool
		command  string
		steps    []step
		response string
		err      error
	}{
		{"case 1", false, "00 82 00 00", []step{{send: "00 82 00 00 00", receive: "90 00"}}, "90 00", nil},
		{"case 2", false, "00 B2 01 0C 00", []step{{send: "00 B2 01 0C 00", receive: "70 00 90 00"}}, "70 00 90 00", nil},
		{"case 2 wrong length", false, "00 B2 01 0C 00", []step{
			{send: "00 B2 01 0C 00", receive: "6C 02"},
			{send: "00 B2 01 0C 02", receive: "70 00 90 00"},
		}, "70 00 90 00", nil},
		{"case 2 in two parts", false, "00 B2 01 0C 00", []step{
			{send: "00 B2 01 0C 00", receive: "01 02 61 02"},
			{send: "00 C0 00 00 02", receive: "03 04 90 00"},
		}, "01 02 03 04 90 00", nil},
		{"case 3", false, "00 20 00 80 02 12 34", []step{{send: "00 20 00 80 02 12 34", receive: "63 C2"}}, "63 C2", nil},
		{"case 3 wrong length is an answer", false, "00 20 00 80 02 12 34", []step{{send: "00 20 00 80 02 12 34", receive: "6C 08"}}, "6C 08", nil},
		{"case 4", false, "00 A4 04 00 02 A0 00 00", []step{
			{send: "00 A4 04 00 02 A0 00", receive: "61 03"},
			{send: "00 C0 00 00 03", receive: "6F 01 00 90 00"},
		}, "6F 01 00 90 00", nil},
		{"case 4 GET RESPONSE wrong length", false, "00 A4 04 00 02 A0 00 00", []step{
			{send: "00 A4 04 00 02 A0 00", receive: "61 00"},
			{send: "00 C0 00 00 00", receive: "6C 02"},
			{send: "00 C0 00 00 02", receive: "6F 00 90 00"},
		}, "6F 00 90 00", nil},
		{"case 4 refused", false, "00 A4 04 00 02 A0 00 00", []step{{send: "00 A4 04 00 02 A0 00", receive: "6A 82"}}, "6A 82", nil},
		{"case 4 warning with data", false, "80 AE 80 00 01 01 00", []step{
			{send: "80 AE 80 00 01 01", receive: "62 00"},
			{send: "00 C0 00 00 00", receive: "6C 01"},
			{send: "00 C0 00 00 01", receive: "77 90 00"},
		}, "77 62 00", nil},
		{"case 4 warning alone", false, "80 AE 80 00 01 01 00", []step{
			{send: "80 AE 80 00 01 01", receive: "63 00"},
			{send: "00 C0 00 00 00", receive: "69 85"},
		}, "63 00", nil},
		{"reader takes APDUs, hands 6C up", true, "00 B2 01 0C 00", []step{
			{send: "00 B2 01 0C 00", receive: "6C 01"},
			{send: "00 B2 01 0C 01", receive: "70 90 00"},
		}, "70 90 00", nil},
		{"reader takes APDUs, hands 61 up", true, "00 A4 04 00 01 A0 00", []step{
			{send: "00 A4 04 00 01 A0 00", receive: "61 01"},
			{send: "00 C0 00 00 01", receive: "6F 90 00"},
		}, "6F 90 00", nil},
		{"reader takes APDUs, its GET RESPONSE was wrong", true, "00 A4 04 00 01 A0 00", []step{
			{send: "00 A4 04 00 01 A0 00", receive: "6C 01"},
			{send: "00 C0 00 00 01", receive: "6F 90 00"},
		}, "6F 90 00", nil},
		{"extended over whole APDUs", true, "00 B2 01 0C 00 01 00", []step{{send: "00 B2 01 0C 00 01 00", receive: "70 90 00"}}, "70 90 00", nil},
		{"link fails", false, "00 82 00 00", []step{{send: "00 82 00 00 00", err: broken}}, "", broken},
		{"half an answer", false, "00 82 00 00", []step{{send: "00 82 00 00 00", receive: "90"}}, "", ErrProtocol},
		{"extended", false, "00 B2 01 0C 00 01 00", nil, "", hal.ErrUnsupported},
		{"no command", false, "00 B2 01", nil, "", ErrCommand},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &playback{t: t, steps: tt.steps}
			card := &T0{Link: p, Whole: tt.whole}
			got, err := card.Exchange(t.Context(), p.unhex(tt.command))
			if !errors.Is(err, tt.err) || !bytes.Equal(got, p.unhex(tt.response)) {
				t.Errorf("got % X, %v; want %s, %v", got, err, tt.response, tt.err)
			}
			p.done()
		})
	}
}

func TestT0EndlessAnswer(t *testing.T) {
	card := &T0{Link: transport(func([]byte) ([]byte, error) { return []byte{0x61, 0x01}, nil })}
	if _, err := card.Exchange(t.Context(), []byte{0, 0xB2, 1, 0x0C, 0}); !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v, want ErrProtocol", err)
	}
}

type transport func([]byte) ([]byte, error)

func (f transport) Exchange(_ context.Context, unit []byte, _ int) ([]byte, error) { return f(unit) }
