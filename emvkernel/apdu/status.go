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
	FileInvalidated       SW = 0x6283 // selected file, application or PSE is blocked
	WarningChanged        SW = 0x6300
	TriesLeft             SW = 0x63C0 // 63Cx: verification failed, x tries left
	WrongLength           SW = 0x6700
	SecurityStatus        SW = 0x6982
	AuthenticationBlocked SW = 0x6983
	DataInvalidated       SW = 0x6984 // also: reference data (PIN) blocked
	ConditionsOfUse       SW = 0x6985
	CommandNotAllowed     SW = 0x6986
	WrongData             SW = 0x6A80
	FunctionNotSupported  SW = 0x6A81 // in answer to SELECT: the card is blocked, or has no SELECT
	FileNotFound          SW = 0x6A82
	RecordNotFound        SW = 0x6A83
	WrongP1P2             SW = 0x6A86
	DataNotFound          SW = 0x6A88
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

func (s SW) Error() string {
	if name := s.name(); name != "" {
		return fmt.Sprintf("apdu: status word %04X (%s)", uint16(s), name)
	}
	return fmt.Sprintf("apdu: status word %04X", uint16(s))
}

func (s SW) name() string {
	switch {
	case s == OK:
		return "success"
	case s.Is(MoreData):
		return "more data waiting"
	case s == FileInvalidated:
		return "selected file invalidated"
	case s.Is(TriesLeft):
		return fmt.Sprintf("verification failed, %d tries left", s&0x0F)
	case s == WrongLength:
		return "wrong length"
	case s == SecurityStatus:
		return "security status not satisfied"
	case s == AuthenticationBlocked:
		return "authentication method blocked"
	case s == DataInvalidated:
		return "referenced data invalidated"
	case s == ConditionsOfUse:
		return "conditions of use not satisfied"
	case s == CommandNotAllowed:
		return "command not allowed"
	case s == WrongData:
		return "wrong data"
	case s == FunctionNotSupported:
		return "function not supported"
	case s == FileNotFound:
		return "file not found"
	case s == RecordNotFound:
		return "record not found"
	case s == WrongP1P2:
		return "wrong P1 or P2"
	case s == DataNotFound:
		return "referenced data not found"
	case s.Is(WrongLe):
		return "wrong Le"
	case s == INSNotSupported:
		return "instruction not supported"
	case s == CLANotSupported:
		return "class not supported"
	case s.Warning():
		return "warning"
	default:
		return ""
	}
}
