package apdu

import "fmt"

// PPSE is the name of the directory of contactless cards (EMV Contactless Book B, 3.3.1).
const PPSE = "2PAY.SYS.DDF01"

// Name names a command for people, with its parameters and never with a card's data: "READ RECORD 1 of file 2",
// "GET DATA 9F17", "GENERATE AC, asks for an ARQC (online)", "SELECT PPSE". It takes any bytes.
func Name(command []byte) string {
	if len(command) < 4 {
		return "malformed command"
	}
	ins, p1, p2 := command[1], command[2], command[3]
	name, ok := instructions[ins]
	if !ok {
		return fmt.Sprintf("unknown instruction %02X", ins)
	}
	switch ins {
	case INSSelect:
		if p2&0x03 == 0x02 {
			return name + " next"
		}
		if cmd, err := ParseCommand(command); err == nil && string(cmd.Data) == PPSE {
			return name + " PPSE"
		}
	case INSReadRecord:
		return fmt.Sprintf("%s %d of file %d", name, p1, p2>>3)
	case INSGetData:
		return fmt.Sprintf("%s %X", name, int(p1)<<8|int(p2))
	case INSGenerateAC:
		return name + ", asks for " + Request(p1)
	case INSVerify:
		switch p2 {
		case 0x80:
			return name + " plaintext PIN"
		case 0x88:
			return name + " enciphered PIN"
		}
	}
	return name
}

// Request says in words what P1 of GENERATE AC asks for (EMV Book 3, 6.5.5.2): "an ARQC (online) with a CDA
// signature".
func Request(p1 byte) string {
	words := [4]string{"an AAC (decline)", "a TC (approve)", "an ARQC (online)", "a reserved cryptogram"}[p1>>6]
	if p1&RequestCDA != 0 {
		words += " with a CDA signature"
	}
	return words
}
