package decode

import (
	"fmt"
	"strings"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Command decodes a command. The data of GENERATE AC, INTERNAL AUTHENTICATE, COMPUTE CRYPTOGRAPHIC CHECKSUM and RECOVER
// AC has no form of its own: see DOLData.
func Command(b []byte) (Item, error) {
	cmd, err := apdu.ParseCommand(b)
	if err != nil {
		return Item{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	out := Item{Name: apdu.Name(b), Value: hexOf(b)}
	if cmd.INS == apdu.INSGetData {
		tag := tlv.Tag(cmd.P1)<<8 | tlv.Tag(cmd.P2)
		out.Items = append(out.Items, Item{Tag: tag.String(), Name: nameOf(tag)})
	}
	if len(cmd.Data) == 0 {
		return out, nil
	}
	data := Item{Name: "data", Value: hexOf(cmd.Data)}
	switch cmd.INS {
	case apdu.INSSelect:
		data.Meaning = AIDName(cmd.Data)
	case apdu.INSGetProcessingOptions:
		if list, err := TLV(cmd.Data); err == nil {
			data.Items = list
		}
	}
	out.Items = append(out.Items, data)
	return out, nil
}

// Response decodes the answer to a command: status word, and data where it is TLV.
func Response(b []byte) (Item, error) {
	resp, err := apdu.ParseResponse(b)
	if err != nil {
		return Item{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	out := Item{Name: "status word", Value: fmt.Sprintf("%04X", uint16(resp.SW)), Meaning: swMeaning(resp.SW)}
	if len(resp.Data) == 0 {
		return out, nil
	}
	if list, err := TLV(resp.Data); err == nil {
		out.Items = list
	} else {
		out.Items = []Item{{Name: "data", Value: hexOf(resp.Data), Meaning: "no list of data objects"}}
	}
	return out, nil
}

// ResponseTo decodes the answer to a command, and takes apart what is in template '80' without tags: AIP and
// AFL of GET PROCESSING OPTIONS (EMV Book 3, 6.5.8.4), the cryptogram of GENERATE AC (6.5.5.4), the times of
// EXCHANGE RELAY RESISTANCE DATA (Contactless Book C-2).
func ResponseTo(command, response []byte) (Item, error) {
	out, err := Response(response)
	if err == nil && len(command) > 1 && command[1] == apdu.INSGetChallenge && len(response) > 2 {
		out.Items = []Item{{Name: "challenge", Value: hexOf(response[:len(response)-2])}} // bare bytes (6.5.6)
		return out, nil
	}
	if err != nil || len(out.Items) != 1 || out.Items[0].Tag != "80" || len(command) < 2 {
		return out, err
	}
	list, err := tlv.Parse(response[:len(response)-2])
	if err != nil || len(list) != 1 {
		return out, nil
	}
	v, parts := list[0].Value, &out.Items[0].Items
	switch {
	case command[1] == apdu.INSGetProcessingOptions && len(v) >= 2:
		*parts = []Item{Object(0x82, v[:2]), Object(0x94, v[2:])}
	case command[1] == apdu.INSGenerateAC && len(v) >= 11:
		*parts = []Item{Object(0x9F27, v[:1]), Object(0x9F36, v[1:3]), Object(0x9F26, v[3:11])}
		if len(v) > 11 {
			*parts = append(*parts, Object(0x9F10, v[11:]))
		}
	case command[1] == apdu.INSExchangeRelayResistance && len(v) == 10:
		*parts = relayParts(v)
	}
	return out, nil
}

// StatusWord decodes two bytes.
func StatusWord(b []byte) (Item, error) {
	if len(b) != 2 {
		return Item{}, wrong("status word", len(b), "2")
	}
	sw := apdu.SW(b[0])<<8 | apdu.SW(b[1])
	return Item{Name: "status word", Value: hexOf(b), Meaning: swMeaning(sw)}, nil
}

// swMeaning: ISO/IEC 7816-4 where EMV has no name.
func swMeaning(sw apdu.SW) string {
	if _, name, found := strings.Cut(sw.Error(), "("); found {
		return strings.TrimSuffix(name, ")")
	}
	switch sw.SW1() {
	case 0x64, 0x65, 0x66:
		return "execution error"
	case 0x68, 0x69, 0x6A, 0x6B, 0x6F:
		return "checking error"
	case 0x90:
		return "process completed"
	}
	return "not in the table"
}
