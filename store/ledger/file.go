package main

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"smartreader/store"
	"smartreader/store/seal"
)

// export is an export file in memory: the newest state of each payment, and what
// checking the file found.
type export struct {
	head     store.ExportHead
	key      *ecdsa.PublicKey // nil: unknown
	report   seal.Report
	purpose  string // of the entry that ends it; "": it has no end
	salvage  *store.Salvaged
	payments []*payment // by sequence; those without one behind

	strays   []string // local ids of envelopes that belong to no payment
	problems []string
	notes    []string
}

// payment is a payment as the file's newest entry of it says.
type payment struct {
	store.Payment
	entry    seal.Entry
	envelope []byte // nil: there is none
}

// waits tells whether accepted money has not reached the platform, as far as the
// file knows.
func (p *payment) waits() bool {
	switch p.State {
	case store.Stored, store.Sending, store.Unknown:
		return true
	case store.Failed:
		return p.StoredAtMs != 0
	case store.Rescued:
		return p.ChargeID == ""
	}
	return false
}

func (x *export) problem(format string, args ...any) {
	x.problems = append(x.problems, fmt.Sprintf(format, args...))
}

func (x *export) note(format string, args ...any) {
	x.notes = append(x.notes, fmt.Sprintf(format, args...))
}

// readExport reads and checks a file. key is the device key it must be signed
// with; nil: the one the file names.
func readExport(name string, key *ecdsa.PublicKey) (*export, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("%v", err)
	}
	defer f.Close()
	x := &export{key: key}
	r := &reading{export: x, payments: map[string]*payment{}, envelopes: map[string][][]byte{}}
	if err := store.ReadExport(f, r.line); err != nil {
		if !errors.Is(err, store.ErrExport) || r.verifier == nil && x.head.Version == 0 {
			return nil, err
		}
		x.problem("the file does not read to its end: %v", err)
	}
	r.finish()
	return x, nil
}

// reading is the state of reading a file once, line by line.
type reading struct {
	*export
	verifier  *seal.Verifier // nil: no key
	payments  map[string]*payment
	envelopes map[string][][]byte
	forged    int
}

func (r *reading) line(line store.ExportLine) error {
	switch {
	case line.Ledger != nil:
		return r.begin(*line.Ledger)
	case line.Entry != nil:
		r.entry(*line.Entry)
	case line.Salvage != nil:
		r.salvage = line.Salvage
	default:
		r.purpose = "" // the end is not the end
		if !slices.ContainsFunc(r.envelopes[line.LocalID], func(b []byte) bool { return bytes.Equal(b, line.Envelope) }) {
			r.envelopes[line.LocalID] = append(r.envelopes[line.LocalID], line.Envelope)
		}
	}
	return nil
}

func (r *reading) begin(head store.ExportHead) error {
	r.head = head
	var named *ecdsa.PublicKey
	if len(head.Key) > 0 {
		var err error
		if named, err = publicKey(head.Key); err != nil {
			r.problem("the key in the first line: %v", err)
		}
	}
	if len(head.Certificate) > 0 {
		certificate, err := x509.ParseCertificate(head.Certificate)
		if err != nil || named == nil || !named.Equal(certificate.PublicKey) {
			r.problem("the certificate in the first line is not of the key there")
		}
	}
	switch {
	case r.key == nil && named == nil:
		r.problem("no key: signatures were not checked; name the reader's with -key")
		return nil
	case r.key == nil:
		r.key = named
		r.note("checked with the key that the file itself names; -key demands a certain one")
	case named != nil && !r.key.Equal(named):
		r.problem("the file names another key than the one demanded")
	}
	var err error
	r.verifier, err = seal.NewVerifier(r.key)
	return err
}

func (r *reading) entry(e seal.Entry) {
	r.purpose = ""
	h, err := seal.ParseEntryHeader(e.Header)
	if r.verifier != nil {
		r.verifier.Add(e)
		if err == nil {
			err = e.Verify(r.key)
		}
	}
	if err != nil {
		r.forged++
		return
	}
	switch h.Kind {
	case store.KindExport:
		var end store.Export
		if json.Unmarshal(h.Body, &end) == nil && end.Reader == r.head.Reader {
			r.purpose = cmp.Or(end.Purpose, "copy")
		}
	case seal.KindPayment, seal.KindCarried:
		p := &payment{entry: e}
		if json.Unmarshal(h.Body, &p.Payment) != nil || p.LocalID != h.LocalID {
			r.forged++
			return
		}
		p.Index = h.Index
		if old := r.payments[p.LocalID]; old == nil || old.Index < p.Index {
			r.payments[p.LocalID] = p
		}
	}
}

// finish draws the conclusions.
func (r *reading) finish() {
	x := r.export
	if r.verifier != nil {
		x.report = r.verifier.Report()
		if err := x.report.Err(); err != nil {
			x.problem("%v", err)
		}
		r.gaps()
	}
	if r.forged > 0 {
		x.problem("%d entries do not read or are not signed by the reader: left out", r.forged)
	}
	switch {
	case x.salvage != nil:
		x.note("salvaged from a disk: %d entries, %d sealed payments, journal up to entry %d", x.salvage.Entries, x.salvage.Envelopes, x.salvage.Head)
		if s := x.salvage; len(s.Missing) > 0 || len(s.Unreadable) > 0 || len(s.Problems) > 0 {
			x.problem("not everything could be salvaged: entries missing %v, sealed payments that do not read %v; %s", s.Missing, s.Unreadable, strings.Join(s.Problems, "; "))
		}
	case x.purpose == "":
		x.problem("the file does not end with the reader's signed end of an export: it was cut short")
	}
	x.payments = slices.Collect(maps.Values(r.payments))
	slices.SortFunc(x.payments, func(a, b *payment) int {
		return cmp.Or(cmp.Compare(a.Sequence-1, b.Sequence-1), cmp.Compare(a.LocalID, b.LocalID)) // 0 is last
	})
	for _, p := range x.payments {
		r.find(p)
		switch {
		case p.envelope != nil || !p.waits():
		case x.salvage != nil || p.State == store.Rescued && x.purpose == "rescue":
			x.problem("%s, sequence %d, waits and its sealed payload is not in the file", p.LocalID, p.Sequence)
		default:
			x.note("%s, sequence %d, was forwarded while the export was being made", p.LocalID, p.Sequence)
		}
	}
	for id := range r.envelopes {
		if r.payments[id] == nil {
			x.strays = append(x.strays, id)
		}
	}
	slices.Sort(x.strays)
	for _, id := range x.strays {
		x.problem("a sealed payment of %s is there, and no entry of it", id)
	}
}

// find takes the envelope that a payment names.
func (r *reading) find(p *payment) {
	for _, envelope := range r.envelopes[p.LocalID] {
		if seal.HashPayload(envelope) == p.PayloadHash {
			p.envelope = envelope
			return
		}
	}
	if len(r.envelopes[p.LocalID]) > 0 {
		r.problem("the sealed payment of %s is not the one that was signed for", p.LocalID)
	}
}

func (r *reading) gaps() {
	gaps := r.report.SequenceGaps()
	var known seal.Ranges
	for _, loss := range r.report.Losses {
		known = known.With(loss.Sequences)
		r.note("loss on record: entries %v, payment sequences %v: %s", loss.Missing, loss.Sequences, loss.Reason)
	}
	if gaps = gaps.Without(known); len(gaps) > 0 {
		r.problem("payment sequences are missing: %v", gaps)
	}
}

// publicKey reads a key or certificate, PEM or DER.
func publicKey(b []byte) (*ecdsa.PublicKey, error) {
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	public, err := x509.ParsePKIXPublicKey(b)
	if err != nil {
		certificate, err := x509.ParseCertificate(b)
		if err != nil {
			return nil, errors.New("neither a public key nor a certificate")
		}
		public = certificate.PublicKey
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%T is not ECDSA", public)
	}
	if _, err := seal.Genesis(key); err != nil {
		return nil, err
	}
	return key, nil
}

// namedKey reads a -key: a file, or a public key in base64.
func namedKey(text string) (*ecdsa.PublicKey, error) {
	if text == "" {
		return nil, nil
	}
	b, err := os.ReadFile(text)
	if errors.Is(err, fs.ErrNotExist) || err != nil && len(text) > 100 {
		if b, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, usage("-key %s: neither a file nor a public key in base64", text)
		}
	}
	if err != nil {
		return nil, usage("-key: %v", err)
	}
	key, err := publicKey(b)
	if err != nil {
		return nil, usage("-key: %v", err)
	}
	return key, nil
}

// warn tells on standard error what is wrong with a file that is used anyway.
func (a *app) warn(x *export) {
	for _, problem := range x.problems {
		fmt.Fprintf(a.stderr, "warning: %s\n", plain(problem))
	}
}

// plain replaces what a terminal would act on.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
