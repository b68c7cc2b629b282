package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartreader/build/pack"
)

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"":                            "no board",
		"-board pi":                   "no file for the image",
		"-board pi -o x more":         `unexpected argument "more"`,
		"-board pi -o x -size 4T":     "write it like 512M or 4G",
		"-board pi -o x -size -1G":    "write it like 512M or 4G",
		"-nothing":                    "not defined",
		"-board pi -o x -size 99999G": "power of two",
		"-board toaster -o x":         "there are pi, raspi3b, virt",
	} {
		var out, usage strings.Builder
		if err := run(t.Context(), strings.Fields(args), &out, &usage); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
		if out.Len() > 0 {
			t.Errorf("%q: began to work: %s", args, out.String())
		}
	}
	var out, help strings.Builder
	if err := run(t.Context(), []string{"-help"}, &out, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: %v", err)
	}
	for _, want := range []string{"-board", "-config", "-ca", "-size", "reader.json"} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("-help does not tell of %s", want)
		}
	}
	if err := run(t.Context(), []string{"-list"}, &out, &help); err != nil || !strings.Contains(out.String(), "pi       Raspberry Pi Zero 2 W") {
		t.Errorf("-list: %v: %s", err, out.String())
	}
}

func TestFilesAreReadFirst(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	image := filepath.Join(dir, "reader.img")
	for _, c := range []struct{ option, file, want string }{
		{"-config", filepath.Join(dir, "nothing"), "-config: open"},
		{"-config", write("empty", ""), "is empty"},
		{"-config", write("large", strings.Repeat(" ", maxSettings+1)), "is it the right file?"},
		{"-config", write("other.json", `{"board":"virt"}`), "for another board"},
		{"-ca", filepath.Join(dir, "nothing"), "-ca: open"},
		{"-ca", write("ca", "no PEM"), "no certificate"},
	} {
		var out, usage strings.Builder
		err := run(t.Context(), []string{"-board", "pi", "-o", image, c.option, c.file}, &out, &usage)
		if err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
			t.Errorf("%s %s: %v, want %q; printed %q", c.option, c.file, err, c.want, out.String())
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	var out, usage strings.Builder
	if err := run(t.Context(), []string{"-board", "pi", "-o", image}, &out, &usage); err == nil || !strings.Contains(err.Error(), "Unix seconds") {
		t.Errorf("SOURCE_DATE_EPOCH: %v", err)
	}
}

func TestSourceDate(t *testing.T) {
	if got, err := sourceDate("1779433551"); err != nil || !got.Equal(time.Date(2026, 5, 22, 7, 5, 51, 0, time.UTC)) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := sourceDate(""); err != nil || !got.IsZero() {
		t.Errorf("%v, %v", got, err)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"512M": 512 << 20, "4G": 4 << 30, "1073741824": 1 << 30} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "G", "0", "0x1G", "9223372036854775807G", "1.5G"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// TestMakesAnImage, with the smallest program there is.
func TestMakesAnImage(t *testing.T) {
	if testing.Short() {
		t.Skip("needs kernel and firmware, from the network once")
	}
	file := filepath.Join(t.TempDir(), "reader.img")
	var out, usage strings.Builder
	err := run(t.Context(), []string{"-board", "virt", "-main", "smartreader/build/pack/testdata/init", "-o", file}, &out, &usage)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"0.0s  get kernel and firmware", "compile", "compress", "write", "hash", "done", "sha256", file,
		"go run ./build/qemu",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not tell of %q:\n%s", want, out.String())
		}
	}
	if info, err := os.Stat(file); err != nil || info.Size() != 512<<20 {
		t.Errorf("the image: %v, %v", info, err)
	}
}

func TestWhatToDoNext(t *testing.T) {
	var out strings.Builder
	report(&out, pack.Options{Board: "pi"}, pack.Result{Path: "reader.img", Size: 512 << 20, Stored: 60e6})
	for _, want := range []string{"60.0 MB of 536.9 MB", "Raspberry Pi Imager", "dd if=reader.img", "READER", "platformUrl", "platform-ca.pem"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not tell of %q:\n%s", want, out.String())
		}
	}
	out.Reset()
	report(&out, pack.Options{Board: "pi", Config: []byte("{}"), PlatformCA: []byte("x")}, pack.Result{})
	if strings.Contains(out.String(), "READER") {
		t.Errorf("nothing is missing, but it asks for more:\n%s", out.String())
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "reader.img")
	var out, usage strings.Builder
	if err := run(ctx, []string{"-board", "virt", "-o", file}, &out, &usage); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
