package main

import (
	"bytes"
	"fmt"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/transcript"
)

// tracer prints what passes between terminal and card, masked unless -clear was given, or nothing with -json.
type tracer struct {
	app      *app
	options  *runOptions
	redactor *transcript.Redactor

	asked   []byte // the last command but GET RESPONSE, which only fetches its answer (T=0)
	partial bool   // a part of the answer came already
}

func (t *tracer) say(format string, args ...any) {
	if !t.options.json {
		fmt.Fprintf(t.app.stdout, format, args...)
	}
}

// tree prints items, deeper by two spaces.
func (t *tracer) tree(items ...decode.Item) {
	for _, i := range items {
		for line := range strings.Lines(i.String()) {
			t.say("    %s", line)
		}
	}
}

// pass prints a command, has it sent, and prints its answer.
func (t *tracer) pass(command []byte, send func() ([]byte, error)) ([]byte, error) {
	sent := bytes.Clone(command)
	if !t.options.clear || command[1] == apdu.INSVerify { // a PIN is never shown
		t.redactor.Command(sent)
	}
	t.say("  > %s\n", apdu.Name(sent))
	t.tree(decode.Masked(t.commandItems(command), t.commandItems(sent))...)
	continued := command[1] == apdu.INSGetResponse && t.asked != nil
	if !continued {
		t.asked, t.partial = bytes.Clone(command), false
	}
	answer, err := send()
	if err != nil {
		t.say("  ! %s\n", t.redactor.Text(err.Error()))
		return answer, err
	}
	t.redactor.Learn(t.asked, answer)
	shown := bytes.Clone(answer)
	data := shown[:max(0, len(shown)-2)]
	switch {
	case t.options.clear:
	case t.partial || len(data) > 0 && len(data) < len(shown) && shown[len(data)] == 0x61:
		clear(data) // what is looked for may begin in one part and end in another; the transcript has it whole
	default:
		t.redactor.Answer(t.asked, data)
	}
	t.partial = len(data) > 0
	item, failed := decode.ResponseTo(t.asked, shown)
	if failed != nil {
		t.say("  < malformed answer of %d bytes\n", len(shown))
		return answer, err
	}
	t.say("  < %s %s\n", item.Value, item.Meaning)
	whole, _ := decode.ResponseTo(t.asked, answer)
	t.tree(decode.Masked(whole.Items, item.Items)...)
	return answer, err
}

// commandItems says what is in a command: by the list the card gave for it, where there is one.
func (t *tracer) commandItems(command []byte) []decode.Item {
	if dol, data, ok := t.redactor.List(command); ok {
		items, _ := decode.DOLData(dol, data)
		return items
	}
	item, _ := decode.Command(command)
	return item.Items
}

// items decodes a list of data objects, masked unless -clear was given, and wipes it.
func (t *tracer) items(list emvkernel.Secret) []decode.Item {
	defer list.Wipe()
	items, err := decode.TLV(list)
	if err != nil || t.options.clear {
		return items
	}
	shown := bytes.Clone(list)
	t.redactor.Answer(nil, shown)
	masked, err := decode.TLV(shown)
	if err != nil {
		return nil
	}
	return decode.Masked(items, masked)
}
