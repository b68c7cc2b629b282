package emvtest

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"smartreader/emvkernel/tlv"
)

// ErrNoProfile is returned by Load for a name that is not one of Profiles.
var ErrNoProfile = errors.New("emvtest: no such card profile")

//go:embed profiles/*.card
var profileFiles embed.FS

// Profile describes a card as it leaves the personaliser. It does not change and may be shared by any
// number of cards.
type Profile struct {
	Name  string // what a developer types: the file name without ".card"
	About string // one line for people

	pse          bool // answers SELECT 1PAY.SYS.DDF01
	t0           bool // speaks T=0: 61xx and 6Cxx
	blocked      bool // answers 6A81 to every SELECT
	gpoNeedsLe   bool // answers 6700 to GET PROCESSING OPTIONS without Le, as real Visa cards do
	oneRecord    bool // the PSE's directory has one record for all applications, not one for each
	conducts     []conduct
	ppse         string // answers SELECT 2PAY.SYS.DDF01: yes, no, empty, malformed
	tears        []tear
	airTime      time.Duration // what hardware would measure of a relay exchange; 0: nothing
	applications []*application

	payment  Payment
	scripts  []issuerScript
	expected map[expectation]*Result
	// What comes of a tap, nil where the profile says nothing.
	tap *TapResult
	// What the application is to be called; empty: whatever it is.
	expectedName string
}

// application is one payment application of a card.
type application struct {
	brand     *brand
	aid       []byte
	label     string
	preferred string // UTF-8
	codeTable byte   // '9F11': the part of ISO/IEC 8859 the card stores it in
	// Data objects of the issuer: 'BF0C' in the FCI, '73' in the directory.
	discretionary []byte
	priority      byte // 1 to 15, 0 for none
	confirm       bool // the cardholder must confirm the selection
	blocked       bool // SELECT answers 6283, GPO 6985

	pan         pan
	sequence    byte // BCD
	holder      string
	effective   time.Time
	expiry      time.Time
	serviceCode string
	country     uint16
	currency    uint16
	language    string
	usage       [2]byte

	cvms       []cvmRule // empty: the card does not support cardholder verification
	cvmAmounts [2]uint32 // X and Y, minor units of the application currency
	pin        string    // 4 to 12 digits
	pinTries   byte      // of a new card
	used       counters  // of a new card
	ownPINKey  bool      // PINs are enciphered for a key of their own, not for the one the card signs with
	offline    offlineLimits
	actions    actionCodes
	oda        string // dda, cda, sda, none
	format     byte   // 77 or 80: of GPO, INTERNAL AUTHENTICATE and GENERATE AC responses
	staticTags bool   // '9F4A': the AIP is signed too
	extraSFI   byte   // a signed record in a file above SFI 10, 0 for none

	pdol, cdol1, cdol2, ddol tlv.DOL

	issuerAuthentication issuerAuthentication
	firstAC              string // the most the card grants: tc, arqc, aac
	secondAC             string // tc, aac
	reason               string // why the card declines, as '9F27' says it
	scripts              bool   // accepts the issuer's commands
	decline              string // decline code of the issuer, empty when it approves
	edits                []edit
	faults               []string

	tap contactless // what is different by tap
}

// counters are those of the last payment and the last one online ('9F36', '9F13').
type counters struct{ last, online uint16 }

// issuerAuthentication says how the card checks that an answer comes from its issuer.
type issuerAuthentication struct {
	way      string // external, second-ac, none
	required bool   // no TC without it
}

// cvmRule is one entry of the CVM list ('8E'), as coded there.
type cvmRule struct{ code, condition byte }

// offlineLimits are the lower and upper consecutive offline limits ('9F14', '9F23').
type offlineLimits struct {
	set          bool
	lower, upper byte
}

// actionCodes are the issuer action codes '9F0E', '9F0F' and '9F0D'.
type actionCodes struct{ denial, online, fallback [5]byte }

// signs reports whether the card has a key to sign with.
func (a *application) signs() bool { return a.oda == "dda" || a.oda == "cda" }

// String returns the name only: card data is not for printing.
func (p Profile) String() string { return p.Name }

// GoString returns the name only.
func (p Profile) GoString() string { return p.Name }

// Profiles lists the names of the cards that come with the package, in alphabetical order.
func Profiles() []string {
	files, err := profileFiles.ReadDir("profiles")
	if err != nil {
		panic(err) // the directory is part of the binary
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".card"))
	}
	return names
}

// Load returns one of Profiles. Any other name is ErrNoProfile; the error lists the names there are.
func Load(name string) (*Profile, error) {
	file := name + ".card"
	text, err := profileFiles.ReadFile(path.Join("profiles", file))
	if err != nil {
		return nil, fmt.Errorf("%w: %q; there are %s", ErrNoProfile, name, strings.Join(Profiles(), ", "))
	}
	p, err := parseProfile(file, string(text))
	if err != nil {
		return nil, err
	}
	p.Name = name
	return p, nil
}
