package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"smartreader/store/seal"
)

// An export file is text: JSON objects, one per line, each line ended by a line
// feed. []byte is base64, hashes are hex. In this order:
//
//	{"ledger":{"version":1,"reader":"tmr_...","key":"...","certificate":"..."}}
//
// comes first and once: which reader, its device key (SPKI, DER) and, if it was
// activated, its certificate (X.509, DER). The line is not signed: check the
// entries with a key you know to be the reader's. A salvaged file has the key only
// if it was found.
//
//	{"entry":{"header":"...","signature":"..."}}
//
// is a journal entry, as package seal has it, in the order of the journal. It
// begins at index 1, or after what a later entry of kind "pruned" names. header
// is a JSON object; the body of those of kind "payment" and "carried" is a
// Payment, and the last one of a payment is its newest state.
//
//	{"localId":"pl_...","envelope":"..."}
//
// is a payment's sealed payload, if it is still there: right after an entry whose
// payloadHash is its SHA-256, or, from a damaged ledger, anywhere after the
// entries. The same one may come twice. Of several different ones that which the
// payloadHash in the newest Payment names counts.
//
//	{"entry":{...}} of kind "export", body {"reader":"tmr_...","purpose":"..."}
//
// ends a complete file; it was signed when the export began, so that a file cut
// short is noticed. A salvaged file ends with what was found instead:
//
//	{"salvage":{"entries":812,"envelopes":3,"head":815,"missing":[{"from":7,"to":9}]}}
//
// A line is at most 128 KiB and, with what a POS can put into a payment, at most
// 40 KiB: an entry takes 4/3 of its header, which is 18 KiB with all metadata, an
// envelope 4/3 of 20 KiB. Without metadata they are 3 and 4 KiB.
const (
	exportVersion = 1

	// KindExport is the kind of the entry that ends an export.
	KindExport = "export"

	maxExportLine = 4 * maxValueBytes // the longest a reader of the format takes
)

// Export is the body of a KindExport entry.
type Export struct {
	Reader  string `json:"reader"`
	Purpose string `json:"purpose"`
}

// ExportLine is one line of an export file: Ledger, or Entry, or LocalID and
// Envelope, or Salvage.
type ExportLine struct {
	Ledger   *ExportHead `json:"ledger,omitempty"`
	Entry    *seal.Entry `json:"entry,omitempty"`
	LocalID  string      `json:"localId,omitempty"`
	Envelope []byte      `json:"envelope,omitempty"`
	Salvage  *Salvaged   `json:"salvage,omitempty"`
}

// ExportHead is the first line of an export file.
type ExportHead struct {
	Version     int    `json:"version"`
	Reader      string `json:"reader"`
	Key         []byte `json:"key,omitempty"`         // SPKI, DER
	Certificate []byte `json:"certificate,omitempty"` // X.509, DER
}

// ErrExport is returned for a cursor or an export file that does not read, and
// for an export that took so long that its entries were pruned: begin again.
var ErrExport = errors.New("store: bad export")

// ReadExport reads an export file line by line. It checks the form only, not
// what the lines say. An error of visit ends it and is returned; ErrExport names
// the line.
func ReadExport(r io.Reader, visit func(ExportLine) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxExportLine)
	n := 0
	for lines.Scan() {
		n++
		line, err := parseExportLine(lines.Bytes())
		if err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrExport, n, err)
		}
		if (n == 1) != (line.Ledger != nil) {
			return fmt.Errorf("%w: line %d: the first line, and only that, says \"ledger\"", ErrExport, n)
		}
		if err := visit(line); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: line %d: %w", ErrExport, n+1, err)
	}
	if n == 0 {
		return fmt.Errorf("%w: the file is empty", ErrExport)
	}
	return nil
}

func parseExportLine(text []byte) (ExportLine, error) {
	var line ExportLine
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		return ExportLine{}, errors.New("not a line of an export")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return ExportLine{}, errors.New("more than one JSON object")
	}
	said := 0
	for _, is := range []bool{line.Ledger != nil, line.Entry != nil, line.LocalID != "", line.Salvage != nil} {
		if is {
			said++
		}
	}
	switch {
	case said != 1 || (line.LocalID != "") != (len(line.Envelope) > 0):
		return ExportLine{}, errors.New("it must say one thing")
	case line.Ledger != nil && line.Ledger.Version != exportVersion:
		return ExportLine{}, fmt.Errorf("version %d, this software reads %d", line.Ledger.Version, exportVersion)
	}
	return line, nil
}
