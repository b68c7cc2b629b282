package decode

import (
	"fmt"
	"strings"

	"smartreader/emvkernel/tlv"
)

// byTag says which decoder knows the value of a data object.
var byTag = map[tlv.Tag]func([]byte) (Item, error){
	0x95: TVR, 0x9B: TSI, 0x82: AIP, 0x9F07: AUC, 0x9F33: Capabilities, 0x9F40: AdditionalCapabilities, 0x9F35: TerminalType,
	0x9F0D: ActionCode, 0x9F0E: ActionCode, 0x9F0F: ActionCode,
	0x8E: CVMList, 0x9F34: CVMResults, 0x9F27: CID, 0x9F10: IAD, 0x9C: TransactionType, 0x8A: ResponseCode,
	0x8C: DOL, 0x8D: DOL, 0x97: DOL, 0x9F38: DOL, 0x9F49: DOL, 0x9F4F: DOL, 0x94: AFL, 0x9F4A: tagList,
	0x57: Track2, 0x5F2A: Currency, 0x9F42: Currency, 0x9F3B: currencyList, 0x9F3C: Currency, 0x5F28: Country, 0x9F1A: Country,
	0x5F24: Date, 0x5F25: Date, 0x9A: Date, 0x9F21: Time, 0x5F30: serviceCode, 0x87: priority,

	0x9F66: qualifiers, 0x9F6C: cardQualifiers, 0x9F6E: FormFactor, 0x9F69: CardAuthentication, 0x9F2A: KernelID, 0x9F6B: Track2, 0x9F51: drdol,
	0xDF4B: Interaction, 0xDF8116: UIRequest, 0xDF8129: OutcomeParameters, 0xDF8115: ErrorIndication, 0xDF8131: phoneMessages,
	0xDF811B: KernelConfiguration, 0xDF8117: capability(0), 0xDF8118: capability(1), 0xDF8119: capability(1), 0xDF811F: capability(2),
	0xDF8120: ActionCode, 0xDF8121: ActionCode, 0xDF8122: ActionCode, 0xDF811A: DOL, 0xDF8130: tenths, 0xDF812D: holdTime,
	0xDF8132: relayTime, 0xDF8133: relayTime, 0xDF8134: relayTime, 0xDF8135: relayTime, 0xDF8136: relayTime,
	0xDF8303: relayTime, 0xDF8304: relayTime, 0xDF8305: relayTime, 0xDF8306: relayTime,
}

// Object decodes one primitive data object. A value without the form of its tag says so in its meaning.
func Object(tag tlv.Tag, value []byte) Item {
	out := Item{Tag: tag.String(), Name: nameWith(tag, value), Value: hexOf(value)}
	if known, ok := byTag[tag]; ok {
		item, err := known(value)
		if err != nil {
			out.Meaning = malformed + strings.TrimPrefix(err.Error(), ErrForm.Error()+": ")
			return out
		}
		out.Meaning, out.Items = item.Meaning, item.Items
		return out
	}
	switch tag.Format() {
	case tlv.Alphabetic, tlv.Alphanumeric, tlv.AlphanumericSpecial:
		out.Meaning = printable(value)
	case tlv.Numeric:
		if n, ok := number(value); ok && len(value) <= 6 {
			out.Meaning = fmt.Sprint(n)
		}
	}
	switch tag {
	case 0x86:
		if command, err := Command(value); err == nil {
			out.Meaning, out.Items = command.Name, command.Items
		}
	case 0x4F, 0x84, 0x9F06:
		out.Meaning = AIDName(value)
	case 0x9F17, 0x9F36, 0x9F13, 0x9F14, 0x9F23, 0x81, 0x9F04, 0x9F1B, 0x88:
		if len(value) > 0 && len(value) <= 4 {
			n := 0
			for _, c := range value {
				n = n<<8 | int(c)
			}
			out.Meaning = fmt.Sprint(n)
		}
	}
	return out
}

// TLV decodes a list of BER-TLV data objects with everything in them.
func TLV(b []byte) ([]Item, error) {
	list, err := tlv.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return elements(list, 0)
}

// maxDepth is more than any EMV template needs.
const maxDepth = 16

func elements(list []tlv.Element, depth int) (out []Item, err error) {
	for _, e := range list {
		if !e.Tag.Constructed() {
			out = append(out, Object(e.Tag, e.Value))
			continue
		}
		item := Item{Tag: e.Tag.String(), Name: nameOf(e.Tag)}
		parts, err := e.Children()
		if err == nil && depth < maxDepth {
			item.Items, err = elements(parts, depth+1)
		}
		if e.Tag == 0x61 && err == nil {
			item.Meaning = entry(parts)
		}
		if err != nil || depth == maxDepth {
			item.Items, item.Value, item.Meaning = nil, hexOf(e.Value), malformed+notList(err)
		}
		out = append(out, item)
	}
	return out, nil
}

// notList says why a value is no list of data objects, and at which of its bytes.
func notList(err error) string {
	const what = "not a list of data objects"
	if err == nil {
		return what + ": too many templates in each other"
	}
	return what + ": " + strings.TrimPrefix(err.Error(), "tlv: ")
}

// schemes: registered application provider identifiers as publicly known.
var schemes = map[string]string{
	"A000000003": "Visa", "A000000004": "Mastercard", "A000000025": "American Express", "A000000152": "Discover",
	"A000000324": "Discover (Zip)", "A000000065": "JCB", "A000000333": "UnionPay", "A000000277": "Interac",
	"A000000384": "eftpos Australia", "A000000042": "Cartes Bancaires", "A000000658": "Mir", "A000000524": "RuPay",
	"A000000098": "Visa USA debit", "A000000620": "DNA debit",
}

// AIDName names the payment system an application identifier belongs to, or the payment system environment.
func AIDName(aid []byte) string {
	switch s := string(aid); {
	case s == "1PAY.SYS.DDF01":
		return "payment system environment"
	case s == "2PAY.SYS.DDF01":
		return "proximity payment system environment"
	case len(aid) >= 5:
		return schemes[hexOf(aid[:5])]
	}
	return ""
}

func currencyList(b []byte) (Item, error) {
	var words []string
	for i := 0; i+2 <= len(b); i += 2 {
		c, err := Currency(b[i : i+2])
		if err != nil {
			return Item{}, err
		}
		words = append(words, c.Meaning)
	}
	if len(b)%2 != 0 {
		return Item{}, wrong("list of currencies", len(b), "2 for each")
	}
	return Item{Meaning: strings.Join(words, "; ")}, nil
}

func serviceCode(b []byte) (Item, error) {
	if len(b) != 2 {
		return Item{}, wrong("service code", len(b), "2")
	}
	return Item{Meaning: ServiceCode(hexOf(b)[1:])}, nil
}

// priority: EMV Book 1, 12.2.3.
func priority(b []byte) (Item, error) {
	if len(b) != 1 {
		return Item{}, wrong("application priority indicator", len(b), "1")
	}
	meaning := "no priority"
	if n := b[0] & 0x0F; n != 0 {
		meaning = fmt.Sprintf("priority %d", n)
	}
	if b[0]&0x80 != 0 {
		meaning += ", only with the cardholder's confirmation"
	}
	return Item{Meaning: meaning}, nil
}
