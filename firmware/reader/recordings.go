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
)

const (
	recordingSuffix = ".emv"
	// maxRecordings are kept, the newest ones: some megabytes.
	maxRecordings = 500
)

// recorder is nil where nothing is recorded.
func (r *Reader) recorder() func(string, *transcript.Transcript) {
	if r.opt.RecordDir == "" {
		return nil
	}
	return func(localID string, t *transcript.Transcript) {
		defer t.Wipe()
		if err := r.saveRecording(localID, t); err != nil { // no payment fails for it
			r.log.Warn("transaction not recorded", "payment", localID, "err", err)
		}
	}
}

func (r *Reader) saveRecording(localID string, t *transcript.Transcript) error {
	if err := os.MkdirAll(r.opt.RecordDir, 0o700); err != nil {
		return err
	}
	if err := r.dropRecordings(); err != nil {
		return err
	}
	c := r.configured()
	inClear := r.opt.RecordClear && c != nil && !c.platform.Livemode
	var text bytes.Buffer
	if err := transcript.Save(&text, t, inClear); err != nil {
		return err
	}
	defer clear(text.Bytes())
	stamp := r.now().UTC().Format("20060102T150405.000")
	return os.WriteFile(filepath.Join(r.opt.RecordDir, fmt.Sprintf("%s-%s%s", stamp, localID, recordingSuffix)), text.Bytes(), 0o600)
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
