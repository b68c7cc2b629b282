package emvtest

import "smartreader/emvkernel/apdu"

// waiting is a response that GET RESPONSE will fetch.
type waiting struct {
	data []byte
	sw   apdu.SW
}

// answerT0 behaves as a T=0 card seen through its transport: a command with data gets its answer in two
// steps (61xx, GET RESPONSE), a command without learns the right Le first (6Cxx).
// EMV Book 1, "Transport of APDUs by T=0".
func (c *Card) answerT0(cmd apdu.Command) apdu.Response {
	if cmd.INS == apdu.INSGetResponse {
		return c.getResponse(cmd)
	}
	c.waiting = waiting{}
	if len(cmd.Data) > 0 {
		cmd.Le = 0 // T=0 has no Le behind data; what the terminal wrote there is not sent
		r := c.run(cmd)
		if len(r.Data) == 0 {
			return r
		}
		c.waiting = waiting{r.Data, r.SW}
		if r.SW.Warning() {
			return status(r.SW)
		}
		return status(apdu.MoreData | apdu.SW(byte(len(r.Data))))
	}
	r := c.run(cmd)
	if len(r.Data) > 0 && cmd.Le != len(r.Data)&0xFF {
		return status(apdu.WrongLe | apdu.SW(byte(len(r.Data))))
	}
	return r
}

func (c *Card) getResponse(cmd apdu.Command) apdu.Response {
	switch {
	case cmd.CLA != 0x00:
		return status(apdu.CLANotSupported)
	case cmd.P1 != 0 || cmd.P2 != 0:
		return status(apdu.WrongP1P2)
	case len(cmd.Data) > 0:
		return status(apdu.WrongLength)
	case len(c.waiting.data) == 0:
		return status(apdu.ConditionsOfUse)
	}
	n := cmd.Le
	if n <= 0 {
		n = 256
	}
	have := len(c.waiting.data)
	if n > have {
		return status(apdu.WrongLe | apdu.SW(byte(have)))
	}
	data := c.waiting.data[:n]
	c.waiting.data = c.waiting.data[n:]
	if left := len(c.waiting.data); left > 0 {
		return apdu.Response{Data: data, SW: apdu.MoreData | apdu.SW(byte(left))}
	}
	// The warning itself, if it was one, has been given already.
	return success(data)
}
