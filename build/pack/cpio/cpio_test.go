package cpio

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

var entries = []Entry{
	{Name: "dev", Mode: fs.ModeDir | 0o755},
	{Name: "dev/null", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666, Major: 1, Minor: 3},
	{Name: "init", Mode: 0o755, Data: []byte("hello")},
	{Name: "empty", Mode: 0o444},
}

func TestBytes(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, time.Unix(0x5000, 0), entries[2:3]); err != nil {
		t.Fatal(err)
	}
	// magic, then: inode mode user group links time size device(2) node(2) name check
	want := "070701" + "00000001" + "000081ed" + "00000000" + "00000000" + "00000001" + "00005000" + "00000005" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000005" + "00000000" + "init\x00\x00" + "hello\x00\x00\x00"
	if got := b.String()[:len(want)]; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !strings.Contains(b.String()[len(want):], "TRAILER!!!") || b.Len()%4 != 0 {
		t.Error("no trailer, or not filled up")
	}
}

func TestOthersRead(t *testing.T) {
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed")
	}
	var b bytes.Buffer
	if err := Write(&b, time.Unix(0, 0), entries); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "-t", "--quiet")
	cmd.Stdin = &b
	out, err := cmd.Output()
	if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, []string{"dev", "dev/null", "init", "empty"}) {
		t.Errorf("cpio lists %q, %v", got, err)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	for _, e := range []Entry{{Name: "link", Mode: fs.ModeSymlink}, {Name: ""}} {
		if err := Write(io.Discard, time.Unix(0, 0), []Entry{e}); err == nil {
			t.Errorf("%q was written", e.Name)
		}
	}
	if err := Write(broken{}, time.Unix(0, 0), entries); err == nil {
		t.Error("no error from a writer that fails")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }
