package store

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"smartreader/store/seal"
)

// Salvaged is what was found in a dead reader's folder: the last line of its
// export.
type Salvaged struct {
	Entries    int         `json:"entries"`
	Envelopes  int         `json:"envelopes"`
	Head       uint64      `json:"head"`                 // how far the journal had gone, by the newest entry or the head file
	Missing    seal.Ranges `json:"missing,omitempty"`    // journal indexes that are not there, or do not read
	Unreadable []string    `json:"unreadable,omitempty"` // local ids whose sealed payload is there and does not read
	Problems   []string    `json:"problems,omitempty"`
}

// ErrSalvage is returned by Salvage, with details, when something is missing. All
// that reads was written nevertheless.
var ErrSalvage = errors.New("store: salvaged, but not everything")

// Salvage writes an export of the store in dir, of a reader that will not start
// any more: see the format at ExportLine. It needs no device key, so it can neither
// check signatures nor write the signed end. It works on a copy of the database
// in the folder for temporary files, and changes nothing in dir; the copy holds
// only what is sealed anyway and is removed. A reader that runs has its folder
// locked: ErrLocked.
func Salvage(ctx context.Context, dir string, w io.Writer) (err error) {
	source := folder(dir)
	if _, err := os.Stat(source.database()); err != nil {
		return fmt.Errorf("store: salvage: %w; name the folder that holds \"db\" and \"head\"", err)
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()
	scratch, err := os.MkdirTemp("", "salvage-")
	if err != nil {
		return fmt.Errorf("store: salvage: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	bad, err := copyDatabase(ctx, source.database(), folder(scratch).database())
	if err != nil {
		return fmt.Errorf("store: salvage: %w", err)
	}
	if _, err := folder(scratch).inspect(); err != nil {
		return err
	}
	d, err := openBadger(folder(scratch).database(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	x := &salvage{disk: d, lines: json.NewEncoder(w), seen: map[string]bool{}}
	for _, name := range bad {
		x.problem("the disk does not read all of db/%s", name)
	}
	if slots, err := os.Open(source.head()); err != nil {
		x.problem("the head file does not open: %v", err)
	} else {
		h, err := readHead(headFile{slots})
		if err != nil {
			x.problem("the head file does not read: nobody knows how far the journal had gone: %v", err)
		}
		x.found.Head = h.index
		if err := slots.Close(); err != nil {
			return fmt.Errorf("store: salvage: %w", err)
		}
	}
	return x.run(ctx)
}

// copyDatabase copies a database folder, if there is room for it. bad are the files
// that do not read everywhere.
func copyDatabase(ctx context.Context, from, to string) (bad []string, err error) {
	files, err := os.ReadDir(from)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return nil, err
	}
	need := int64(leastFree)
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			return nil, err
		}
		need += info.Size()
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(to, &fs); err != nil {
		return nil, err
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < need {
		return nil, fmt.Errorf("the copy needs %d MiB and %s has %d: set TMPDIR to a larger disk", need>>20, filepath.Dir(to), free>>20)
	}
	for _, file := range files {
		if !file.Type().IsRegular() || file.Name() == "LOCK" {
			continue
		}
		whole, err := copyFile(ctx, filepath.Join(from, file.Name()), filepath.Join(to, file.Name()))
		if err != nil {
			return nil, err
		}
		if !whole {
			bad = append(bad, file.Name())
		}
	}
	return bad, nil
}

func copyFile(ctx context.Context, from, to string) (whole bool, err error) {
	source, err := os.Open(from)
	if err != nil {
		return false, err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return false, err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	whole, err = copyBlocks(ctx, target, source, info.Size())
	return whole, errors.Join(err, target.Close())
}

// copyBlocks copies what reads, and leaves zeros where a dying disk gives an error:
// the database notices a bad block by its checksum, and reads the others.
func copyBlocks(ctx context.Context, target io.Writer, source io.ReaderAt, size int64) (whole bool, err error) {
	const large, small = 1 << 20, 4 << 10
	whole = true
	b := make([]byte, large)
	for at, step := int64(0), int64(large); at < size; {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		part := b[:min(step, size-at)]
		if _, err := source.ReadAt(part, at); err != nil {
			if step == large {
				step = small // find out where
				continue
			}
			whole = false
			clear(part)
		}
		if _, err := target.Write(part); err != nil {
			return false, err
		}
		if at += int64(len(part)); at%large == 0 {
			step = large
		}
	}
	return whole, nil
}

// salvage is one run over a database that may be broken anywhere.
type salvage struct {
	disk  disk
	lines *json.Encoder
	found Salvaged
	first uint64   // the index the journal begins at
	ids   []string // of payments that entries mention
	seen  map[string]bool
}

func (x *salvage) problem(format string, args ...any) {
	x.found.Problems = append(x.found.Problems, fmt.Sprintf(format, args...))
}

func (x *salvage) run(ctx context.Context) error {
	head, err := x.head()
	if err == nil {
		err = x.lines.Encode(ExportLine{Ledger: head})
	}
	if err == nil {
		err = x.entries(ctx)
	}
	if err == nil {
		err = x.envelopes(ctx)
	}
	if err == nil {
		err = x.lines.Encode(ExportLine{Salvage: &x.found})
	}
	if err != nil {
		return fmt.Errorf("store: salvage: %w", err)
	}
	if f := x.found; len(f.Missing) > 0 || len(f.Unreadable) > 0 || len(f.Problems) > 0 {
		return fmt.Errorf("%w: %d entries and %d sealed payments written; entries missing %v, sealed payments that do not read %v; %s",
			ErrSalvage, f.Entries, f.Envelopes, f.Missing, f.Unreadable, strings.Join(f.Problems, "; "))
	}
	return nil
}

// head finds out whose ledger it was: the certificate of the key that began it.
func (x *salvage) head() (*ExportHead, error) {
	head := &ExportHead{Version: exportVersion}
	genesis, err := x.disk.get(keyDevice)
	if err != nil {
		x.problem("which key began the journal does not read: %v", err)
	}
	certificate, err := certificateFor(x.disk, func(key *ecdsa.PublicKey) bool {
		own, err := seal.Genesis(key)
		return err == nil && own.String() == string(genesis)
	})
	if err != nil {
		x.problem("the identity does not read: %v", err)
	}
	if certificate == nil {
		return head, nil
	}
	if head.Key, err = x509.MarshalPKIXPublicKey(certificate.PublicKey); err != nil {
		return nil, err
	}
	head.Certificate = certificate.Raw
	for _, name := range certificate.URIs {
		if id, ok := strings.CutPrefix(name.String(), "smartreader:reader:"); ok {
			head.Reader = id
		}
	}
	return head, nil
}

// entries writes the journal. Where it does not read, it goes on behind.
func (x *salvage) entries(ctx context.Context) error {
	next := uint64(1)
	for {
		var written error
		err := x.disk.scan(prefixJournal, journalKey(next), func(k, record []byte) error {
			if len(k) != len(prefixJournal)+8 {
				return nil
			}
			at := indexOf(k)
			if x.first == 0 {
				x.first = at
			}
			x.found.Missing.Add(next, at-1)
			next = at + 1
			x.found.Entries++
			written = x.entry(journalEntry(record))
			return errors.Join(written, ctx.Err())
		})
		if written != nil || ctx.Err() != nil {
			return errors.Join(written, ctx.Err())
		}
		if err == nil {
			break
		}
		if next > x.found.Head {
			x.problem("the journal does not read from entry %d on: %v", next, err)
			break
		}
		x.found.Missing.Add(next, next)
		next++
	}
	if x.found.Head >= next {
		x.found.Missing.Add(next, x.found.Head)
	}
	x.found.Head = max(x.found.Head, next-1)
	return nil
}

func (x *salvage) entry(e seal.Entry) error {
	if h, err := seal.ReadEntryHeader(e.Header); err == nil {
		if h.LocalID != "" && !x.seen[h.LocalID] {
			x.seen[h.LocalID] = true
			x.ids = append(x.ids, h.LocalID)
		}
		var c seal.Checkpoint
		if h.Kind == seal.KindPruned && json.Unmarshal(h.Body, &c) == nil && c.Through+1 == x.first {
			x.found.Missing = x.found.Missing.Without(seal.Ranges{{From: 1, To: c.Through}})
		}
	}
	return x.lines.Encode(ExportLine{Entry: &e})
}

// envelopes writes the sealed payloads, those of known payments one by one: what
// does not read hides none but itself. Then those of payments whose entries are
// gone.
func (x *salvage) envelopes(ctx context.Context) error {
	for _, id := range x.ids {
		envelope, err := x.disk.get(key(prefixSealed, id))
		switch {
		case errors.Is(err, errNoKey):
			continue
		case err != nil:
			x.found.Unreadable = append(x.found.Unreadable, id)
			continue
		}
		if err := errors.Join(x.envelope(id, envelope), ctx.Err()); err != nil {
			return err
		}
	}
	var written error
	err := x.disk.scan(prefixSealed, prefixSealed, func(k, value []byte) error {
		if id := string(k[len(prefixSealed):]); !x.seen[id] {
			written = x.envelope(id, value)
		}
		return errors.Join(written, ctx.Err())
	})
	if written != nil || ctx.Err() != nil {
		return errors.Join(written, ctx.Err())
	}
	if err != nil {
		x.problem("sealed payments without an entry, if there are any, do not read: %v", err)
	}
	return nil
}

func (x *salvage) envelope(id string, envelope []byte) error {
	x.found.Envelopes++
	return x.lines.Encode(ExportLine{LocalID: id, Envelope: envelope})
}
