package apdu

// Instruction bytes of the commands EMV uses.
const (
	INSVerify               byte = 0x20
	INSExternalAuthenticate byte = 0x82
	INSGetChallenge         byte = 0x84
	INSInternalAuthenticate byte = 0x88
	INSSelect               byte = 0xA4
	INSGetProcessingOptions byte = 0xA8
	INSGenerateAC           byte = 0xAE
	INSReadRecord           byte = 0xB2
	INSGetResponse          byte = 0xC0
	INSGetData              byte = 0xCA

	// Of contactless kernels (EMV Contactless Book C-2).
	INSComputeChecksum         byte = 0x2A
	INSRecoverAC               byte = 0xD0
	INSExchangeRelayResistance byte = 0xEA
)

// instructions are the names of all commands of EMV Book 1, 11, Book 3, 6.5 and Contactless Book C-2: those
// above and what only issuer scripts send.
var instructions = map[byte]string{
	INSVerify:               "VERIFY",
	INSExternalAuthenticate: "EXTERNAL AUTHENTICATE",
	INSGetChallenge:         "GET CHALLENGE",
	INSInternalAuthenticate: "INTERNAL AUTHENTICATE",
	INSSelect:               "SELECT",
	INSGetProcessingOptions: "GET PROCESSING OPTIONS",
	INSGenerateAC:           "GENERATE AC",
	INSReadRecord:           "READ RECORD",
	INSGetResponse:          "GET RESPONSE",
	INSGetData:              "GET DATA",

	INSComputeChecksum:         "COMPUTE CRYPTOGRAPHIC CHECKSUM",
	INSRecoverAC:               "RECOVER AC",
	INSExchangeRelayResistance: "EXCHANGE RELAY RESISTANCE DATA",

	0x16: "CARD BLOCK",
	0x18: "APPLICATION UNBLOCK",
	0x1E: "APPLICATION BLOCK",
	0x24: "PIN CHANGE/UNBLOCK",
	0xD6: "UPDATE BINARY",
	0xDA: "PUT DATA",
	0xDC: "UPDATE RECORD",
}

// P1 of GENERATE AC: the cryptogram asked for, and whether it shall come with a CDA signature
// (EMV Book 3, 6.5.5).
const (
	RequestAAC  byte = 0x00
	RequestTC   byte = 0x40
	RequestARQC byte = 0x80
	RequestCDA  byte = 0x10
)

// Select selects a file by (part of) its name; next asks for the next one that matches
// (EMV Book 1, "SELECT Command-Response APDUs").
func Select(name []byte, next bool) Command {
	c := Command{CLA: 0x00, INS: INSSelect, P1: 0x04, P2: 0x00, Data: name}
	if next {
		c.P2 = 0x02
	}
	return c
}

// ReadRecord reads a record of the file with the short file identifier sfi (1 to 30).
func ReadRecord(sfi, record byte) Command {
	return Command{CLA: 0x00, INS: INSReadRecord, P1: record, P2: sfi<<3 | 0x04}
}

// GetProcessingOptions starts the application. pdolData is the data the card's PDOL asked for; it is
// wrapped in the command template '83', empty or not (EMV Book 3, 6.5.8).
func GetProcessingOptions(pdolData []byte) Command {
	data := []byte{0x83}
	if n := len(pdolData); n < 0x80 {
		data = append(data, byte(n))
	} else {
		data = append(data, 0x81, byte(n)) // what is too long for one byte, Bytes refuses
	}
	return Command{CLA: 0x80, INS: INSGetProcessingOptions, Data: append(data, pdolData...)}
}

// GenerateAC asks for an application cryptogram. p1 is one of RequestAAC, RequestTC, RequestARQC,
// with RequestCDA added if wanted; data is what the CDOL asked for.
func GenerateAC(p1 byte, data []byte) Command {
	return Command{CLA: 0x80, INS: INSGenerateAC, P1: p1, Data: data}
}

// InternalAuthenticate asks for a dynamic signature over data, which the DDOL asked for.
func InternalAuthenticate(data []byte) Command {
	return Command{CLA: 0x00, INS: INSInternalAuthenticate, Data: data}
}

// ExternalAuthenticate gives the card the issuer authentication data. It is a case 3 command: no Le.
func ExternalAuthenticate(data []byte) Command {
	return Command{CLA: 0x00, INS: INSExternalAuthenticate, Data: data, Le: NoLe}
}

// GetData asks for one primitive data object that is not in a record; tag is its one or two bytes,
// big endian.
func GetData(tag uint16) Command {
	return Command{CLA: 0x80, INS: INSGetData, P1: byte(tag >> 8), P2: byte(tag)}
}

// GetResponse fetches waiting data after status word 61xx; n is that xx, 0 for 256.
func GetResponse(n byte) Command {
	return Command{CLA: 0x00, INS: INSGetResponse, Le: int(n)}
}

// Verify presents a PIN: p2 is 0x80 for a plaintext PIN block, 0x88 for an enciphered one.
func Verify(p2 byte, data []byte) Command {
	return Command{CLA: 0x00, INS: INSVerify, P2: p2, Data: data, Le: NoLe}
}

// GetChallenge asks the card for eight unpredictable bytes.
func GetChallenge() Command {
	return Command{CLA: 0x00, INS: INSGetChallenge}
}
