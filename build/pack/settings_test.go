package pack

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os/exec"
	"strings"
	"testing"
)

func TestSampleSettingsAreSound(t *testing.T) {
	for name, b := range boards {
		if err := checkSettings(name, b.sampleSettings(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFirmwareKnowsTheSampleSettings asks the firmware itself.
func TestFirmwareKnowsTheSampleSettings(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the firmware")
	}
	out, err := exec.Command("go", "run", "smartreader/firmware", "-sample").Output()
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]any
	if err := json.Unmarshal(out, &known); err != nil {
		t.Fatal(err)
	}
	for name, b := range boards {
		var sample map[string]any
		if err := json.Unmarshal(b.sampleSettings(name), &sample); err != nil {
			t.Fatal(err)
		}
		unknown(t, name, sample, known)
	}
}

// unknown reports settings that the firmware does not have.
func unknown(t *testing.T, at string, sample, known map[string]any) {
	for key, value := range sample {
		there, ok := known[key]
		if !ok {
			t.Errorf("%s: the firmware knows no setting %q", at, key)
		}
		below, deep := value.(map[string]any)
		knownBelow, knownDeep := there.(map[string]any)
		if deep && knownDeep {
			unknown(t, at+": "+key, below, knownBelow)
		}
	}
}

func TestMistakesInSettings(t *testing.T) {
	for text, want := range map[string]string{
		``:                                    "not JSON",
		`{"board":"pi"`:                       "not JSON",
		"{\n\"board\":pi}":                    "line 2",
		`[]`:                                  "wrong place",
		"{\n\"board\":\n1}":                   "line 3",
		`{}`:                                  "no board",
		`{"board":"virt"}`:                    "for another board",
		`{"board":"pi"} more`:                 "something after",
		`{"board":"pi"}{}`:                    "something after",
		`{"board":"pi","dataDir":"/var/lib"}`: "must be \"/data/reader\"",
		`{"board":"pi","platformCaFile":"/etc/platform.pem"}`: "must be \"/run/reader/platform-ca.pem\"",
	} {
		if err := checkSettings("pi", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for what, text := range map[string]string{
		"what only the firmware knows": `{"board":"pi","anything":{"else":[1,2]}}`,
		"a byte order mark":            "\ufeff{\"board\":\"pi\"}\r\n",
	} {
		if err := checkSettings("pi", []byte(text)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"board":"pi","dataDir":"/data/reader"}`))
	f.Add([]byte("{\n\"board\":"))
	f.Add([]byte(`{"board":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) { _ = checkSettings("pi", data) })
}

func certificate(t *testing.T, issuer string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "platform"}}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: issuer}}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func TestMistakesInRoots(t *testing.T) {
	root, key := certificate(t, "platform")
	leaf, _ := certificate(t, "authority")
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("broken")})
	for what, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":       {nil, "no certificate"},
		"not PEM":       {[]byte("0\x82\x01\x02"), "PEM form"},
		"a private key": {bytes.Join([][]byte{root, key}, nil), "PRIVATE KEY"},
		"a leaf":        {leaf, "not that of the authority"},
		"broken":        {broken, "x509"},
	} {
		if err := checkRoots(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
	if err := checkRoots(bytes.Join([][]byte{[]byte("two roots:\n"), root, root}, nil)); err != nil {
		t.Errorf("two roots: %v", err)
	}
}

func TestTheFirmwaresOwnDefaultsAreRight(t *testing.T) {
	if err := checkSettings("pi", []byte(`{"board": "pi", "dataDir": "/var/lib/smartreader", "platformCaFile": "/etc/smartreader/platform-ca.pem"}`)); err != nil {
		t.Error(err)
	}
}
