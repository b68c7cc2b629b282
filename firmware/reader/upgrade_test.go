package reader_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smartreader/firmware/platform"
	"smartreader/firmware/reader"
	"smartreader/hal/sim"
	"smartreader/store/seal"
)

// The queue survives a software upgrade. Each file in testdata is the data
// folder of a reader of that release, killed in an outage: one payment approved
// online, then 12.50, 20.00 and 0.99 USD stored. This software must forward
// those three, once each, and nothing else. Releases add a file, none is made
// anew.
func TestQueueSurvivesAnUpgrade(t *testing.T) {
	folders, err := filepath.Glob("testdata/reader-*.tar.gz")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no folders of older releases: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) { forwardOldQueue(t, folder) })
	}
}

func forwardOldQueue(t *testing.T, folder string) {
	dir := t.TempDir()
	if err := unpack(folder, dir); err != nil {
		t.Fatal(err)
	}
	p := newBookkeeper(t)
	for _, round := range []string{"upgraded", "started again"} {
		board, err := sim.Open(sim.Options{Dir: filepath.Join(dir, "reader")})
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute) // to say what is missing, not to wait
		if round == "upgraded" {
			go func() {
				p.awaitSubmissions(ctx, 3)
				stop()
			}()
		}
		options := reader.Options{
			Dir: filepath.Join(dir, "reader"), Listener: listener, PlatformURL: p.url, PlatformCA: p.ca, DeviceType: "simulated_stripe_s700",
			Ready: func(net.Addr, string) {
				if round == "started again" {
					stop()
				}
			},
		}
		if err := reader.Run(ctx, *board.HAL, options); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: %v", round, err)
		}
		stop()
		if err := board.HAL.Close(); err != nil {
			t.Fatal(err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	amounts := []int64{}
	for key, times := range p.submitted {
		if times != 1 {
			t.Errorf("%s was sent %d times", key, times)
		}
		amounts = append(amounts, p.amounts[key])
	}
	slices.Sort(amounts)
	if want := []int64{99, 1250, 2000}; !slices.Equal(amounts, want) {
		t.Errorf("forwarded %v, want %v", amounts, want)
	}
}

// bookkeeper is a platform that takes every certificate and every payment, and
// counts: the platform of the release is not there any more, nor are its keys.
type bookkeeper struct {
	url string
	ca  []byte

	mu        sync.Mutex
	submitted map[string]int
	amounts   map[string]int64
	changed   chan struct{}
}

func newBookkeeper(t *testing.T) *bookkeeper {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bookkeeper"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	p := &bookkeeper{
		ca:        pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		submitted: map[string]int{}, amounts: map[string]int64{}, changed: make(chan struct{}),
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.url = "https://" + listener.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+platform.PathHeartbeat, func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(platform.HeartbeatResponse{NowMs: time.Now().UnixMilli()})
	})
	mux.HandleFunc("GET "+platform.PathConfig, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	mux.HandleFunc("GET "+platform.PathAuthorizations+"/{key}", p.lookUp)
	mux.HandleFunc("POST "+platform.PathOfflinePayments, p.submit)
	server := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-done })
	return p
}

func (p *bookkeeper) submit(w http.ResponseWriter, r *http.Request) {
	var s platform.Submission
	header, err := seal.Header{}, json.NewDecoder(r.Body).Decode(&s)
	if err == nil {
		var envelope seal.Envelope
		if envelope, err = seal.ParseEnvelope(s.Envelope); err == nil {
			header, err = seal.ParseHeader(envelope.Header)
		}
	}
	if err != nil || header.NaturalKey() != s.NaturalKey {
		http.Error(w, "not a submission", http.StatusTeapot)
		return
	}
	p.mu.Lock()
	p.submitted[s.NaturalKey]++
	p.amounts[s.NaturalKey] = header.Amount
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	json.NewEncoder(w).Encode(approval(s.NaturalKey))
}

func (p *bookkeeper) lookUp(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	p.mu.Lock()
	known := p.submitted[key] > 0
	p.mu.Unlock()
	if known {
		json.NewEncoder(w).Encode(approval(key))
		return
	}
	w.WriteHeader(http.StatusNotFound)
	var body platform.ErrorBody
	body.Error.Code = platform.CodeAuthorizationNotFound
	json.NewEncoder(w).Encode(body)
}

func approval(naturalKey string) platform.Verdict {
	return platform.Verdict{
		NaturalKey: naturalKey, Status: platform.StatusApproved, ChargeID: "ch_" + naturalKey,
		Intent: &platform.PaymentIntent{ID: "pi_" + naturalKey, Status: "succeeded"},
	}
}

func (p *bookkeeper) awaitSubmissions(ctx context.Context, n int) {
	for {
		p.mu.Lock()
		have, changed := len(slices.Collect(maps.Keys(p.submitted))), p.changed
		p.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// unpack extracts a gzipped tar file.
func unpack(file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	files := tar.NewReader(z)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) {
			return errors.New("the archive leaves its folder: " + h.Name)
		}
		name := filepath.Join(dir, h.Name)
		if strings.HasSuffix(h.Name, "/") {
			if err := os.MkdirAll(name, 0o700); err != nil {
				return err
			}
			continue
		}
		content, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return err
		}
	}
}
