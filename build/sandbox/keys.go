package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 365 * 24 * time.Hour
	readerLife = 365 * 24 * time.Hour

	// backdated covers readers whose clock is a little behind.
	backdated = 24 * time.Hour
)

// keys are the platform's secrets, made once.
type keys struct {
	caKey   *ecdsa.PrivateKey
	ca      *x509.Certificate
	signing *ecdsa.PrivateKey // of configurations and credentials
	seal    seal.PrivateKey   // opens card data
	server  tls.Certificate   // issued anew at every start

	stranger tls.Certificate // the same names from another CA, for the fault
}

// PEM types of the files in the keys folder.
const (
	pemKey  = "PRIVATE KEY" // PKCS #8
	pemSeal = "SMARTREADER SEAL KEY"
	pemCert = "CERTIFICATE"

	sealKeyID = "sandbox-1"
)

// makeKeys generates all secrets into dir. It writes a temporary folder and
// renames it, so the folder exists with everything in it or not at all.
func makeKeys(dir string, now time.Time) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	sealing, err := seal.NewKey(sealKeyID)
	if err != nil {
		return err
	}
	sealBytes, err := sealing.Bytes()
	if err != nil {
		return err
	}
	template := caTemplate("Smartreader sandbox CA (test only)", now)
	ca, err := x509.CreateCertificate(rand.Reader, template, template, caKey.Public(), caKey)
	if err != nil {
		return err
	}

	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o700); err != nil {
		return err
	}
	files := map[string]*pem.Block{
		"ca.pem":   {Type: pemCert, Bytes: ca},
		"seal.key": {Type: pemSeal, Headers: map[string]string{"Id": sealing.ID()}, Bytes: sealBytes},
	}
	for name, key := range map[string]*ecdsa.PrivateKey{"ca.key": caKey, "signing.key": signing} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		files[name] = &pem.Block{Type: pemKey, Bytes: der}
	}
	for name, block := range files {
		if err := writeSynced(filepath.Join(partial, name), pem.EncodeToMemory(block)); err != nil {
			return err
		}
	}
	if err := syncDir(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func caTemplate(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// loadKeys reads what makeKeys wrote and issues a server certificate for hosts.
func loadKeys(dir string, hosts []string, now time.Time) (*keys, error) {
	caDER, err := readPEM(dir, "ca.pem", pemCert)
	if err != nil {
		return nil, err
	}
	k := new(keys)
	if k.ca, err = x509.ParseCertificate(caDER.Bytes); err != nil {
		return nil, fmt.Errorf("sandbox: ca.pem: %w", err)
	}
	if k.caKey, err = readKey(dir, "ca.key"); err != nil {
		return nil, err
	}
	if !k.caKey.PublicKey.Equal(k.ca.PublicKey) {
		return nil, errors.New("sandbox: ca.key and ca.pem do not belong together")
	}
	if k.signing, err = readKey(dir, "signing.key"); err != nil {
		return nil, err
	}
	sealing, err := readPEM(dir, "seal.key", pemSeal)
	if err != nil {
		return nil, err
	}
	if k.seal, err = seal.ParsePrivateKey(sealing.Headers["Id"], sealing.Bytes); err != nil {
		return nil, fmt.Errorf("sandbox: seal.key: %w", err)
	}
	if k.stranger, err = strangerServer(hosts, now); err != nil {
		return nil, err
	}
	k.server, err = k.issueServer(hosts, now)
	return k, err
}

// strangerServer is what an impostor would show: a certificate with the right
// names from a CA that nobody trusts.
func strangerServer(hosts []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := caTemplate("Somebody else's CA", now)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	other := &keys{caKey: key}
	if other.ca, err = x509.ParseCertificate(der); err != nil {
		return tls.Certificate{}, err
	}
	return other.issueServer(hosts, now)
}

// issueServer makes a new key and certificate for the reader face.
func (k *keys) issueServer(hosts []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Smartreader sandbox"},
		NotAfter:    now.Add(serverLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := k.issue(template, key.Public(), now)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, k.ca.Raw}, PrivateKey: key}, nil
}

// issueReader makes a reader's certificate. The LAN uses it as server
// certificate too, hence both usages.
func (k *keys) issueReader(readerID, serial string, pub any, now time.Time) ([]byte, error) {
	return k.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: readerID, SerialNumber: serial},
		DNSNames:    []string{serial + ".local"},
		URIs:        []*url.URL{platform.ReaderURI(readerID)},
		NotAfter:    now.Add(readerLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, pub, now)
}

func (k *keys) issue(template *x509.Certificate, pub any, now time.Time) ([]byte, error) {
	template.SerialNumber = serialNumber()
	template.NotBefore = now.Add(-backdated)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, template, k.ca, pub, k.caKey)
	if err != nil {
		return nil, fmt.Errorf("sandbox: issue certificate: %w", err)
	}
	return der, nil
}

func serialNumber() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7F
	return new(big.Int).SetBytes(b[:])
}

func readPEM(dir, name, kind string) (*pem.Block, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != kind || len(rest) != 0 {
		return nil, fmt.Errorf("sandbox: %s is not one PEM block of type %s", filepath.Join(dir, name), kind)
	}
	return block, nil
}

func readKey(dir, name string) (*ecdsa.PrivateKey, error) {
	block, err := readPEM(dir, name, pemKey)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %s: %w", name, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, fmt.Errorf("sandbox: %s is not an ECDSA P-256 key", name)
	}
	return ec, nil
}

func writeSynced(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
