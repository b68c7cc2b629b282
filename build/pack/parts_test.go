package pack

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a module of two files; its hash was made with sha256sum and base64.
var sample = part{
	what: "the sample", path: "example.com/part", version: "v1.0.0",
	sum: "h1:Sp1ZvtugMaVhg1WIFMOwNe/e4LXnPncPynAa4xHs/EE=",
}

const (
	goMod = "example.com/part@v1.0.0/go.mod=module example.com/part\n"
	data  = "example.com/part@v1.0.0/data.bin=data"
)

func moduleZip(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		name, content, _ := strings.Cut(f, "=")
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "module.zip")
	if err := errors.Join(z.Close(), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPartIsWhatWasPinned(t *testing.T) {
	files, err := sample.open(moduleZip(t, goMod, data))
	if err != nil || string(files["data.bin"]) != "data" || len(files) != 2 {
		t.Errorf("the sound one: %q, %v", files, err)
	}
	for what, content := range map[string][]string{
		"another byte":  {goMod, data + "!"},
		"a file less":   {goMod},
		"a file more":   {goMod, data, "example.com/part@v1.0.0/more=x"},
		"a file twice":  {goMod, data, data},
		"a file beside": {goMod, data, "example.com/other@v1.0.0/x=x"},
	} {
		if files, err := sample.open(moduleZip(t, content...)); !errors.Is(err, errSum) || files != nil {
			t.Errorf("%s: %d files, %v", what, len(files), err)
		}
	}
	damaged := filepath.Join(t.TempDir(), "module.zip")
	if err := os.WriteFile(damaged, []byte("PK"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{damaged, damaged + ".none"} {
		if _, err := sample.open(file); err == nil || !strings.Contains(err.Error(), "go clean -modcache") {
			t.Errorf("%s: %v, want what to do", file, err)
		}
	}
}

func TestWithoutNetwork(t *testing.T) {
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOPROXY", "off")
	_, err := kernelPart.fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "check the network") {
		t.Errorf("got %v, want what to do", err)
	}
}
