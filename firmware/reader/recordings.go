package reader

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"smartreader/emvkernel/transcript"
	"smartreader/store"
)

const (
	recordingSuffix = ".emv"
	// maxRecordings are kept, the newest ones: some megabytes. One that is much
	// longer than any card needs is not, so that no card can fill the disk.
	maxRecordings  = 500
	maxRecordBytes = 128 << 10
)

// recorder is nil where nothing is recorded.
func (r *Reader) recorder() func(store.Payment, *transcript.Transcript) {
	if r.opt.RecordDir == "" {
		return nil
	}
	return func(p store.Payment, t *transcript.Transcript) {
		defer t.Wipe()
		if err := r.saveRecording(p, t); err != nil { // no payment fails for it
			r.log.Warn("transaction not recorded", "payment", p.LocalID, "err", err)
		}
	}
}

func (r *Reader) saveRecording(p store.Payment, t *transcript.Transcript) error {
	if err := os.MkdirAll(r.opt.RecordDir, 0o700); err != nil {
		return err
	}
	if err := r.dropRecordings(); err != nil {
		return err
	}
	var text bytes.Buffer
	defer func() { clear(text.Bytes()) }()
	if err := transcript.Save(&text, t, r.opt.RecordClear && !p.Livemode); err != nil {
		return err
	}
	if text.Len() > maxRecordBytes {
		return fmt.Errorf("the recording has %d bytes, the most kept is %d", text.Len(), maxRecordBytes)
	}
	stamp := r.now().UTC().Format("20060102T150405.000")
	return os.WriteFile(filepath.Join(r.opt.RecordDir, fmt.Sprintf("%s-%s%s", stamp, p.LocalID, recordingSuffix)), text.Bytes(), 0o600)
}

// dropRecordings makes room for one more. Names sort by time.
func (r *Reader) dropRecordings() error {
	entries, err := os.ReadDir(r.opt.RecordDir)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !strings.HasSuffix(e.Name(), recordingSuffix) })
	for _, e := range entries[:max(0, len(entries)+1-maxRecordings)] {
		err = errors.Join(err, os.Remove(filepath.Join(r.opt.RecordDir, e.Name())))
	}
	return err
}
