package pack

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// Files on the first partition that are the owner's, and where the running
// reader has them.
const (
	settingsFile = "reader.json"
	rootsFile    = "platform-ca.pem"

	dataDir   = "/data/reader"
	rootsPath = "/run/reader/" + rootsFile
)

// readme is for whoever opens the first partition on a PC.
const readme = `This volume is all of the card reader that is meant to be edited.

reader.json      the reader's settings: its payments platform (platformUrl), the
                 registrationCode from the platform, the web pages allowed to
                 connect (allowedOrigins), a fixed network address if it shall
                 have one (like 192.168.1.20/24), what is wired to it (devices)
platform-ca.pem  the root certificates of the platform, in PEM form; without
                 them the reader cannot recognise it

Both are read at every start. The registration code is used at the first start
only, and a file with it lets anybody else register a reader: delete it from
reader.json once the reader is registered.

autoboot.txt     says which of the two systems starts: boot_partition under [all].
                 2 is SLOT-A, 3 is SLOT-B. Updates change it; change it by hand
                 only if the system it names does not start.
`

// sampleSettings returns reader.json for a reader without an owner yet.
func (b board) sampleSettings(name string) []byte {
	var out bytes.Buffer
	text := fmt.Sprintf(`{
		"board": %q,
		"dataDir": %q,
		"listen": ":4443",
		"allowedOrigins": [],
		"platformUrl": "https://platform.example",
		"platformCaFile": %q,
		"registrationCode": "",
		"deviceType": "smartreader_%s",
		"logLevel": "INFO",
		"network": {"address": "", "gateway": "", "nameservers": []},
		"devices": %s
	}`, name, dataDir, rootsPath, name, b.devices)
	// It is JSON: a test reads it for every board.
	_ = json.Indent(&out, []byte(text), "", "  ")
	out.WriteByte('\n')
	return out.Bytes()
}

// checkSettings finds the mistakes in a reader.json that would otherwise show
// on the device only. The rest is known to the program it is for.
func checkSettings(boardName string, data []byte) error {
	var c struct{ Board, DataDir, PlatformCAFile *string }
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // the firmware takes that too
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&c); err != nil {
		line := func(offset int64) int { return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n")) }
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fmt.Errorf("configuration: line %d: %w", line(syntax.Offset), err)
		}
		if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Errorf("configuration: line %d: a JSON %s is in the wrong place; -sample of the firmware shows how it looks", line(kind.Offset), kind.Value)
		}
		return fmt.Errorf("configuration: it is not JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("configuration: there is something after the configuration object")
	}
	for _, s := range []struct {
		name string
		got  *string
		want string
		also string // leads to the same place on a device; the firmware's -sample has it
		why  string
	}{
		{"board", c.Board, boardName, boardName, "the image is for another board"},
		{"dataDir", c.DataDir, dataDir, "/var/lib/smartreader", "nothing else is kept"},
		{"platformCaFile", c.PlatformCAFile, rootsPath, "/etc/smartreader/" + rootsFile, rootsFile + " of the image is there"},
	} {
		switch {
		case s.got == nil && s.name == "board":
			return fmt.Errorf("configuration: no board; it must be %q", s.want)
		case s.got != nil && *s.got != s.want && *s.got != s.also:
			return fmt.Errorf("configuration: %s is %q, it must be %q: %s", s.name, *s.got, s.want, s.why)
		}
	}
	return nil
}

// checkRoots makes sure that a file is certificates and nothing else: a private
// key on a card in a shop would be a secret told.
func checkRoots(data []byte) error {
	found := false
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("platform CA: it has a %s, but only certificates belong there", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("platform CA: %w", err)
		}
		if !c.IsCA && !bytes.Equal(c.RawIssuer, c.RawSubject) {
			return fmt.Errorf("platform CA: the certificate of %q is the server's own, not that of the authority above it", c.Subject)
		}
		found = true
	}
	if !found {
		return errors.New("platform CA: there is no certificate in it; it must be in PEM form (-----BEGIN CERTIFICATE-----)")
	}
	return nil
}
