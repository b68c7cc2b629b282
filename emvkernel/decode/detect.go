package decode

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// ErrKind is returned for bytes whose kind cannot be told, or a kind that does not exist.
var ErrKind = errors.New("decode: unknown kind of value")

func list(decoder func([]byte) (Item, error)) func([]byte) ([]Item, error) {
	return func(b []byte) ([]Item, error) {
		item, err := decoder(b)
		if err != nil {
			return nil, err
		}
		return []Item{item}, nil
	}
}

// kinds are what As takes, in the order Kinds lists them.
var kinds = []struct {
	name   string
	decode func([]byte) ([]Item, error)
}{
	{"tlv", TLV}, {"dol", list(DOL)}, {"afl", list(AFL)}, {"aip", list(AIP)}, {"tvr", list(TVR)}, {"tsi", list(TSI)},
	{"cvm-list", list(CVMList)}, {"cvm-results", list(CVMResults)}, {"cid", list(CID)}, {"iad", list(IAD)}, {"auc", list(AUC)},
	{"action-code", list(ActionCode)}, {"generate-ac", list(generateAC)}, {"atr", list(ATR)}, {"command", list(Command)},
	{"response", list(Response)}, {"sw", list(StatusWord)}, {"terminal-type", list(TerminalType)},
	{"capabilities", list(Capabilities)}, {"additional-capabilities", list(AdditionalCapabilities)},
	{"track2", list(Track2)}, {"date", list(Date)}, {"time", list(Time)}, {"currency", list(Currency)}, {"country", list(Country)},
	{"type", list(TransactionType)}, {"arc", list(ResponseCode)}, {"tags", list(tagList)},
	{"ttq", list(TTQ)}, {"ctq", list(CTQ)}, {"form-factor", list(FormFactor)}, {"kernel-id", list(KernelID)},
	{"interaction", list(Interaction)}, {"ui-request", list(UIRequest)}, {"outcome", list(OutcomeParameters)}, {"error-indication", list(ErrorIndication)},
}

// Kinds lists what As takes.
func Kinds() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// As decodes b as one of Kinds, or as the value of a data object named by its tag, such as "9F10". Errors
// are ErrForm, or ErrKind when there is no such kind.
func As(kind string, b []byte) ([]Item, error) {
	for _, k := range kinds {
		if k.name == strings.ToLower(kind) {
			return k.decode(b)
		}
	}
	var tag tlv.Tag
	if _, err := fmt.Sscanf(kind, "%x", &tag); err == nil && tag.String() == strings.ToUpper(kind) && tag.Name() != "" {
		if tag.Constructed() {
			return TLV(b)
		}
		return []Item{Object(tag, b)}, nil
	}
	return nil, fmt.Errorf("%w %q: there are %s, and every known tag, such as 9F10", ErrKind, kind, strings.Join(Kinds(), ", "))
}

// Detect says which of "atr", "command", "sw", "response" and "tlv" b is; only these can be told by their
// form. Anything else is ErrKind.
func Detect(b []byte) (kind string, err error) {
	if len(b) > 0 && (b[0] == 0x3B || b[0] == 0x3F) {
		if _, err := parseATR(b); err == nil {
			return "atr", nil
		}
	}
	if isCommand(b) {
		return "command", nil
	}
	if len(b) == 2 && isStatus(b) {
		return "sw", nil
	}
	// '90 00' behind data objects could be an empty one too; it is not likely.
	if n := len(b) - 2; n > 0 && isStatus(b[n:]) && whole(b[:n]) {
		return "response", nil
	}
	if whole(b) {
		return "tlv", nil
	}
	return "", fmt.Errorf("%w: it is no answer to reset, command, response, status word or list of data objects; "+
		"name what it is, one of %s, or a tag", ErrKind, strings.Join(Kinds(), ", "))
}

// isCommand: a class and an instruction EMV uses, and lengths that fit.
func isCommand(b []byte) bool {
	cmd, err := apdu.ParseCommand(b)
	if err != nil || !slices.Contains([]byte{0x00, 0x80, 0x84, 0x04, 0x0C, 0x8C}, cmd.CLA) {
		return false
	}
	return !strings.HasPrefix(apdu.Name(b), "unknown")
}

func isStatus(b []byte) bool {
	return b[0] == 0x90 || b[0]>>4 == 6 && b[0] != 0x60
}

// whole: nothing but data objects, and more than empty ones, which a TVR looks like.
func whole(b []byte) bool {
	list, err := tlv.Parse(b)
	return err == nil && slices.ContainsFunc(list, func(e tlv.Element) bool { return len(e.Value) > 0 })
}

func generateAC(b []byte) (Item, error) {
	if len(b) != 1 {
		return Item{}, wrong("P1 of GENERATE AC", len(b), "1")
	}
	return GenerateAC(b[0]), nil
}
