package emvtest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ErrProfile is returned for a card profile that cannot be used. The text names file and line and says
// what to write instead.
var ErrProfile = errors.New("emvtest: bad card profile")

const (
	maxProfileBytes = 64 << 10
	maxApplications = 8
)

// ParseProfile reads a card profile. When r has a Name method, as an *os.File has, errors name it.
//
// A profile is UTF-8 text, one setting per line: a word, a space, its value. Empty lines and lines that
// begin with '#' are ignored; there are no comments behind a value. First come the settings of the card:
//
//	about TEXT                 one line for people
//	name NAME                  for a profile that is not one of Profiles
//	pse yes|no                 has the Payment System Environment 1PAY.SYS.DDF01 (yes)
//	directory each|one         of the PSE: a record for each application, or one for all (each)
//	transport t1|t0            t0 answers 61xx and 6Cxx as T=0 cards do (t1)
//	gpo-needs-le yes|no        6700 to GET PROCESSING OPTIONS without Le, as real cards answer (yes)
//	blocked yes|no             the card is blocked: 6A81 to SELECT (no)
//	status STEP SW             the step is answered with the status word alone and has no effect
//	pull STEP                  the card is pulled out at the step: Exchange returns ErrPulled
//	delay STEP TIME            the card takes so long for the step, as 1.5s, up to 5m
//	ppse yes|no|empty|malformed   by tap: the Proximity Payment System Environment 2PAY.SYS.DDF01 (yes)
//	tear STEP [late]           by tap, once: the card leaves at the step, before it or, late, before its
//	                           answer, and is held to the reader again
//	air-time TIME|none         by tap: what hardware that measures would find an answer to take, up to 1s
//
// A STEP is a command: select-pse read-directory select gpo read-record internal-authenticate get-data
// get-challenge verify generate-ac external-authenticate script second-generate-ac; by tap also select-ppse
// relay put-data recover-ac compute-checksum. Then what a test of a terminal is to do with the card and what must come of it,
// see [Expectation] and [TapResult]:
//
//	payment WORDS              what differs from 12.50 US dollars at the terminal of TerminalConfig:
//	                           amount N, cashback N, type N, currency N, country N (of the terminal),
//	                           floor N (and the card may approve offline), pin-pad, online-pin, bypass,
//	                           wrong-pins N, force-online, terminal N (its type, '9F35'), alphabets
//	                           (it shows all parts of ISO/IEC 8859), no-dialog (nobody chooses or
//	                           confirms), arc N (the issuer answers so), no-issuer-data (no '91'),
//	                           no-sda, no-dda, no-cda, denies (it declines whatever is wrong);
//	                           by tap transaction-limit N, cvm-limit N, collision (with a second card,
//	                           which is then taken away), timed (the reader measures times), update
//	                           (Visa: the issuer's answer is brought to the card)
//	issuer-script before|after HEX   a command of the issuer, for before or after the second GENERATE AC
//	expect OUTCOME WORDS       of the first GENERATE AC or what ended the payment before it; OUTCOME is
//	                           online, approved, declined, not-accepted, card-blocked, try-again,
//	                           terminated, canceled, timed-out or pulled; WORDS are authenticated,
//	                           tvr HEX, tsi HEX, cvm HEX ('9F34'), aid HEX, language XX
//	expect-online OUTCOME WORDS      once the issuer answered: also reverse, referral, forged, code CODE
//	expect-deferred OUTCOME WORDS    when the payment is stored instead
//	expect-unable OUTCOME WORDS      when the issuer cannot be reached
//	expect-name TEXT           what the application is called in front of the cardholder
//	expect-tap OUTCOME WORDS   by tap: OUTCOME is online, approved, declined, insert, ended or leaves; WORDS
//	                           are authenticated, cvm none|signature|online_pin|on_device, device WORD,
//	                           message HEX (shown at the end), restart HEX (shown when the card is asked
//	                           for again), taps N (how often it is held to the reader), tvr HEX, aid HEX,
//	                           forged, code CODE (of the issuer)
//
// Then one or more applications, each begun by its brand, which sets the defaults of all that follows:
//
//	application BRAND          visa, mastercard, amex, discover, jcb, unionpay, diners, interac,
//	                           eftpos_au, cartes_bancaires, rupay; interac, eftpos_au and
//	                           cartes_bancaires may stand on a card of another brand too
//	aid HEX                    DF name, 5 to 16 bytes
//	label TEXT                 '50', up to 16 characters
//	preferred-name TEXT|none   '9F12', up to 16 characters
//	code-table N               '9F11': the part of ISO/IEC 8859 that has them, 1 to 10
//	discretionary HEX|none     data objects of the issuer, in the FCI ('BF0C') and the directory ('73')
//	priority N                 '87', 1 (first) to 15, or 0 for none
//	confirm yes|no             '87' b8: only with the cardholder's confirmation
//	application-blocked yes|no SELECT answers 6283
//	pan DIGITS                 required; a valid number of the brand
//	sequence NN                '5F34', and part of the key derivation
//	holder TEXT                '5F20', 2 to 26 characters
//	effective YYYY-MM-DD       '5F25'
//	expiry YYYY-MM-DD          '5F24'
//	service-code NNN           '5F30'
//	country NNN                '5F28', ISO 3166 numeric
//	currency NNN               '9F42', ISO 4217 numeric
//	language xx...             '5F2D', one to four ISO 639 codes, as "ende"
//	usage all|none|WORDS       '9F07': domestic-cash international-cash domestic-goods
//	                           international-goods domestic-services international-services atm
//	                           terminals domestic-cashback international-cashback
//	cvm METHOD CONDITION [or-next]   one line per rule, or "cvm off"; methods: fail plain-pin online-pin
//	                           plain-pin-signature enciphered-pin enciphered-pin-signature signature
//	                           none; conditions: always unattended-cash not-cash if-supported
//	                           manual-cash cashback under-x over-x under-y over-y
//	cvm-amounts X Y            amounts of the conditions, minor units of the application currency
//	pin DIGITS                 4 to 12 digits (1234)
//	pin-tries N                '9F17' of a new card, 0 to 15
//	pin-key own|shared         PINs are enciphered for a key of their own ('9F2D'), or for the card's
//	used LAST ONLINE           counters of a new card: of its last payment, and its last online (0 0)
//	offline-limits LOWER UPPER|none   '9F14' and '9F23': payments in a row without the issuer (none)
//	action-denial HEX          '9F0E', 5 bytes
//	action-online HEX          '9F0F'
//	action-default HEX         '9F0D'
//	oda dda|cda|sda|none       offline data authentication; a cda card does DDA too
//	format 77|80               form of the answers that have two
//	static-tag-list yes|no     '9F4A': the AIP is signed too
//	signed-extra N|none        one more signed record in the file with SFI N, 11 to 30
//	pdol, cdol1, cdol2, ddol TAG:LENGTH ...   data object lists; pdol may be "none"
//	issuer-authentication external|second-ac|none [required]
//	                           by EXTERNAL AUTHENTICATE or with '91' in CDOL2; required: no TC without it
//	first-ac tc|arqc|aac       the most the card grants at the first GENERATE AC
//	second-ac tc|aac           the same at the second
//	reason WORD                what an AAC gives as its reason: none advice service-not-allowed
//	                           pin-try-limit issuer-authentication
//	scripts yes|no             accepts the issuer's commands (no: 6E00)
//	issuer approve|decline CODE   what the issuer answers online, CODE as in Stripe's decline codes
//
// What is different by tap. What another KIND has than the application's is refused, because nothing would come of it:
//
//	contactless KIND           visa (qVSDC), mastercard, listed (in the directory and no more) or no
//	tap-entry HEX|none         further data objects of the directory's entry, such as 9F2A0103
//	tap-pdol, tap-cdol1 TAG:LENGTH ...   data object lists, or "none"
//	tap-cvm METHOD CONDITION [or-next]   as cvm; a Visa card asks for the first one the terminal has,
//	                           "always" even where the terminal requires none
//	tap-ac same|tc|arqc|aac    the most the card grants (same: as first-ac)
//	tap-device WORD            form factor '9F6E': card, fob, phone or watch
//	tap-cdcvm no|done|locked   the device verifies its owner: it has done so, or asks for it at every first tap
//	tap-ctq HEX                Visa: further bits of '9F6C', 2 bytes
//	tap-insert never|cvm|always   Visa: 6984, always or where a verification is required
//	tap-fdda 00|01             Visa: version of the signature
//	tap-sdad-format 05|95      Visa: its format
//	tap-sdad-place gpo|record  Visa: where it is
//	tap-relay LOW HIGH SENT|none   Mastercard: answers EXCHANGE RELAY RESISTANCE DATA with these times, in
//	                           units of 100 microseconds
//	tap-recovery yes|no        Mastercard: RECOVER AC
//	tap-mode emv|magstripe     magstripe: has no cryptogram to give, but (Mastercard) a code for track data
//	tap-update yes|no          Visa: takes its issuer's answer when it is tapped once more
//	tap-token DIGITS|none      '9F19', who requested the wallet's token: eleven digits
//	tap-issuer same|decline CODE   what the issuer answers to a tap without a PIN
//
// What is wrong with the card. Changes and faults that would not show are refused.
//
//	omit TAG ...               the card does not give these data objects
//	repeat TAG ...             it gives them twice in a row
//	replace TAG HEX|empty      it gives the object with this value
//	add TAG HEX|empty          one more object in an unsigned record
//	fault NAME ...             of those below
//
// Flaws of one signed block, each with all else in it right, are issuer-certificate-FLAW,
// icc-certificate-FLAW, pin-certificate-FLAW, static-FLAW (the signature of SDA) and sdad-FLAW (of DDA and
// CDA). For all of them FLAW is header, format, hash-algorithm, hash, trailer, signature or length; for
// certificates also identifier (of the card's own: pan-in-certificate), expired, key-algorithm, key-length
// or exponent-length, and where the key leaves a remainder remainder-short, remainder-long or
// remainder-missing; for sdad also data-length. The other faults:
//
//	issuer-certificate-revoked its serial number is one that Revoked lists
//	pin-key-short              the key for enciphered PINs is too short for one
//	static-data                a signed record was changed after signing
//	dynamic-number-length      the signed dynamic number has nine bytes
//	cda-cid                    CDA vouches for another '9F27'
//	cda-hash                   CDA vouches for another transaction
//	cryptogram                 wrong: only the issuer notices
//	higher-ac                  TC when asked for an ARQC
//	never-declines             ARQC when asked for an AAC
//	second-arqc                ARQC at the second GENERATE AC
//	issuer-authentication      believes no issuer
//	short-response             GENERATE AC is answered four bytes short
//	fci-malformed              SELECT is answered one byte short
//	gpo-malformed              GET PROCESSING OPTIONS is answered one byte short
//	record-malformed           a record is one byte short
//	record-trailing-bytes      bytes behind a record's template
//	record-padding             zero bytes between data objects, which is allowed
//	pan-in-track2              '57' has another number than '5A'
//	duplicate-tag              '5F24' twice
//	extra-bytes                by tap: bytes behind the template of an answer
//	relay-times                other times than CDA signs
//	fdda-number                fDDA signs another unpredictable number
//	fdda-amount                fDDA signs another amount
//	fdda-currency              fDDA signs another currency
//	fdda-card-data             fDDA signs another '9F69'
//
// fault, status, pull, delay, tear, issuer-script, omit, repeat, replace and add may stand on several lines,
// and each adds; the first cvm or tap-cvm line replaces the brand's list and the others add. Anything else may stand once.
// Every error is an ErrProfile.
func ParseProfile(r io.Reader) (*Profile, error) {
	file := "profile"
	if f, ok := r.(interface{ Name() string }); ok {
		file = f.Name()
	}
	text, err := io.ReadAll(io.LimitReader(r, maxProfileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("emvtest: reading %s: %w", file, err)
	}
	if len(text) > maxProfileBytes {
		return nil, fmt.Errorf("%w: %s: longer than %d bytes", ErrProfile, file, maxProfileBytes)
	}
	return parseProfile(file, string(text))
}

// parser walks over the lines of one profile.
type parser struct {
	profile *Profile
	app     *application // being filled; nil before the first application line
	began   int          // its line
	brand   *application // as its payment system has it by default
	seen    map[string]int
}

func parseProfile(file, text string) (*Profile, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: %s: not UTF-8 text; save the file as UTF-8", ErrProfile, file)
	}
	p := &parser{profile: &Profile{pse: true, gpoNeedsLe: true, ppse: "yes", payment: ordinaryPayment}, seen: map[string]int{}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, value := line, ""
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			word, value = line[:i], strings.TrimSpace(line[i:])
		}
		var err error
		if word == "application" {
			if err = p.finish(); err != nil {
				return nil, fmt.Errorf("%w: %s:%d: %w", ErrProfile, file, p.blamed(err), err)
			}
			p.began = number
			err = p.begin(value)
		} else {
			err = p.set(word, value, number)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s:%d: %w", ErrProfile, file, number, err)
		}
	}
	if p.app == nil {
		return nil, fmt.Errorf("%w: %s:%d: no application; write a line \"application visa\"", ErrProfile, file, max(number, 1))
	}
	if err := p.finish(); err != nil {
		return nil, fmt.Errorf("%w: %s:%d: %w", ErrProfile, file, p.blamed(err), err)
	}
	p.profile.sortConducts()
	if err := p.profile.check(); err != nil {
		return nil, fmt.Errorf("%w: %s:%d: %w", ErrProfile, file, number, err)
	}
	return p.profile, nil
}

// begin starts an application with the defaults of its brand.
func (p *parser) begin(name string) error {
	b := brandNamed(name)
	if b == nil {
		return fmt.Errorf("unknown brand %q; there are %s", name, brandNames())
	}
	if len(p.profile.applications) == maxApplications {
		return fmt.Errorf("more than %d applications", maxApplications)
	}
	p.app = &application{brand: b}
	defaults := fmt.Sprintf("aid %s\nlabel %s\npreferred-name %s\npriority 1\npdol none\n%s\n%s",
		b.aid, b.label, b.preferred, commonDefaults, b.defaults)
	p.seen = map[string]int{}
	for line := range strings.Lines(defaults) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" {
			continue
		}
		// A payment system's default may stand after the common one; only lists of methods add up.
		if word != "cvm" && word != "tap-cvm" {
			delete(p.seen, word)
		}
		if err := p.set(word, value, 1); err != nil {
			return fmt.Errorf("defaults of %s: %w", name, err)
		}
	}
	p.seen = map[string]int{}
	brand := *p.app
	p.brand = &brand
	return nil
}

// blamed is the line an error of finish is about: that of the setting it begins with, or the application's.
func (p *parser) blamed(err error) int {
	word, _, _ := strings.Cut(err.Error(), " ")
	if s, ok := settingNamed(word); ok && !s.repeats && p.seen[word] > 0 {
		return p.seen[word]
	}
	return p.began
}

// finish checks the application as a whole and adds it to the card.
func (p *parser) finish() error {
	if p.app == nil {
		return nil
	}
	p.app.sortEdits()
	if err := p.app.check(); err != nil {
		return err
	}
	if err := p.app.checkIdle(p.brand); err != nil {
		return err
	}
	for _, other := range p.profile.applications {
		if string(other.aid) == string(p.app.aid) {
			return fmt.Errorf("two applications have the AID %X; give one another \"aid\"", p.app.aid)
		}
	}
	p.profile.applications = append(p.profile.applications, p.app)
	return nil
}

func (p *parser) set(word, value string, line int) error {
	s, ok := settingNamed(word)
	if !ok {
		return fmt.Errorf("unknown setting %q; there are %s", word, settingNames())
	}
	if s.card != nil && p.app != nil {
		return fmt.Errorf("%s is a setting of the card; write it above the first application", word)
	}
	if s.card == nil && p.app == nil {
		return fmt.Errorf("%s is a setting of an application; write a line \"application visa\" above it", word)
	}
	if !s.repeats && p.seen[word] > 0 {
		return fmt.Errorf("%s stands twice (first in line %d); remove one", word, p.seen[word])
	}
	first := p.seen[word] == 0
	p.seen[word] = line
	if s.card != nil {
		return s.card(p.profile, value)
	}
	return s.app(p.app, value, first)
}
