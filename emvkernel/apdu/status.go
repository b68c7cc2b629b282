package apdu

import "fmt"

// SW is a status word. It is an error, so that a command that did not succeed can be returned and
// asked about with errors.Is; OK is a value of it too and must not be returned as an error.
type SW uint16

// Status words EMV gives a meaning. The last digits of MoreData, WrongLe and TriesLeft carry a
// number: errors.Is(SW(0x63C2), TriesLeft) is true.
const (
	OK                    SW = 0x9000
	MoreData              SW = 0x6100 // 61xx: xx bytes wait for GET RESPONSE
	WarningUnchanged      SW = 0x6200
	DataCorrupted         SW = 0x6281 // part of the data returned may be wrong
	EndOfFile             SW = 0x6282 // fewer bytes there than asked for
	FileInvalidated       SW = 0x6283 // selected file, application or PSE is blocked
	WarningChanged        SW = 0x6300 // in answer to EXTERNAL AUTHENTICATE: the issuer is not genuine
	TriesLeft             SW = 0x63C0 // 63Cx: verification failed, x tries left
	StateUnchanged        SW = 0x6400 // an error that changed nothing
	StateChanged          SW = 0x6500 // an error that may have changed something
	MemoryFailure         SW = 0x6581
	WrongLength           SW = 0x6700
	NoSecureMessaging     SW = 0x6882
	SecurityStatus        SW = 0x6982
	AuthenticationBlocked SW = 0x6983
	DataInvalidated       SW = 0x6984 // also: reference data (PIN) blocked
	ConditionsOfUse       SW = 0x6985
	CommandNotAllowed     SW = 0x6986
	MACMissing            SW = 0x6987
	MACWrong              SW = 0x6988
	WrongData             SW = 0x6A80
	FunctionNotSupported  SW = 0x6A81 // in answer to SELECT: the card is blocked, or has no SELECT
	FileNotFound          SW = 0x6A82
	RecordNotFound        SW = 0x6A83
	WrongP1P2             SW = 0x6A86
	DataNotFound          SW = 0x6A88
	WrongParameters       SW = 0x6B00
	WrongLe               SW = 0x6C00 // 6Cxx: ask again with Le xx
	INSNotSupported       SW = 0x6D00
	CLANotSupported       SW = 0x6E00
	NoPreciseDiagnosis    SW = 0x6F00
)

// SW1 returns the first byte.
func (s SW) SW1() byte { return byte(s >> 8) }

// SW2 returns the second byte.
func (s SW) SW2() byte { return byte(s) }

// Warning reports whether the command was carried out although the card has a remark (62xx, 63xx).
func (s SW) Warning() bool { return s.SW1() == 0x62 || s.SW1() == 0x63 }

// Is reports whether s is the target, or one of the family the target stands for.
func (s SW) Is(target error) bool {
	t, ok := target.(SW)
	if !ok {
		return false
	}
	switch t {
	case MoreData, WrongLe:
		return s.SW1() == t.SW1()
	case TriesLeft:
		return s&0xFFF0 == t
	default:
		return s == t
	}
}

func (s SW) Error() string { return "apdu: status word " + s.String() }

// String returns the four digits and what they mean, as in "6A82 (file not found)", or the digits alone.
func (s SW) String() string {
	if words := s.words(); words != "" {
		return fmt.Sprintf("%04X (%s)", uint16(s), words)
	}
	return fmt.Sprintf("%04X", uint16(s))
}

// meanings are those of EMV Book 3, 6.3.5 and the commands after it, and where EMV has none, of
// ISO/IEC 7816-4: issuer scripts may meet any of them.
var meanings = map[SW]string{
	OK:                    "success",
	DataCorrupted:         "returned data may be corrupted",
	EndOfFile:             "end of file reached",
	FileInvalidated:       "selected file invalidated",
	0x6284:                "file control information not formatted",
	WarningChanged:        "verification failed",
	0x6381:                "file filled up",
	StateUnchanged:        "execution error, nothing changed",
	StateChanged:          "execution error, something may have changed",
	MemoryFailure:         "memory failure",
	WrongLength:           "wrong length",
	0x6800:                "class function not supported",
	0x6881:                "logical channel not supported",
	NoSecureMessaging:     "secure messaging not supported",
	0x6900:                "command not allowed",
	0x6981:                "command does not fit the file",
	SecurityStatus:        "security status not satisfied",
	AuthenticationBlocked: "authentication method blocked",
	DataInvalidated:       "referenced data invalidated",
	ConditionsOfUse:       "conditions of use not satisfied",
	CommandNotAllowed:     "command not allowed",
	MACMissing:            "secure messaging data missing",
	MACWrong:              "secure messaging data incorrect",
	WrongData:             "wrong data",
	FunctionNotSupported:  "function not supported",
	FileNotFound:          "file not found",
	RecordNotFound:        "record not found",
	0x6A84:                "not enough memory",
	0x6A85:                "length does not fit the data objects",
	WrongP1P2:             "wrong P1 or P2",
	0x6A87:                "length does not fit P1 and P2",
	DataNotFound:          "referenced data not found",
	WrongParameters:       "wrong parameters",
	INSNotSupported:       "instruction not supported",
	CLANotSupported:       "class not supported",
	NoPreciseDiagnosis:    "no precise diagnosis",
}

func (s SW) words() string {
	if words, ok := meanings[s]; ok {
		return words
	}
	n := int(s.SW2())
	if n == 0 {
		n = 256
	}
	switch {
	case s.Is(MoreData):
		return fmt.Sprintf("%d bytes waiting", n)
	case s.Is(WrongLe):
		return fmt.Sprintf("wrong Le, %d bytes there", n)
	case s.Is(TriesLeft):
		return fmt.Sprintf("verification failed, %d tries left", s&0x0F)
	case s.Warning():
		return "warning"
	default:
		return ""
	}
}
