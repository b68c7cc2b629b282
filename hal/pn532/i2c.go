package pn532

import (
	"fmt"

	"periph.io/x/conn/v3/i2c"
)

// I2CAddress is the chip's 7-bit address; it cannot be changed.
const I2CAddress = 0x24

// i2cReady is the bit of the byte before every frame that says it is there
// (User Manual, "I2C communication details").
const i2cReady = 0x01

type i2cTransport struct {
	dev i2c.Dev
	bus string
}

// I2C makes a link of a bus, at up to 400 kHz. Addr is [I2CAddress] but for
// address translators; 0 is that too.
func I2C(bus i2c.Bus, addr uint16) Link {
	if addr == 0 {
		addr = I2CAddress
	}
	return polled{&i2cTransport{i2c.Dev{Bus: bus, Addr: addr}, bus.String()}}
}

func (t *i2cTransport) String() string {
	return fmt.Sprintf("PN532 on I2C %s address %#x (check power, SDA and SCL with pull-ups, interface switches 1 0)", t.bus, t.dev.Addr)
}

func (t *i2cTransport) rouse() {
	// The address is what wakes the chip; it may not acknowledge it yet.
	_ = t.dev.Tx([]byte{0x00}, nil)
}

func (t *i2cTransport) write(frame []byte) error { return t.dev.Tx(frame, nil) }

func (t *i2cTransport) ready() (bool, error) {
	var status [1]byte
	err := t.dev.Tx(nil, status[:])
	return status[0]&i2cReady != 0, err
}

func (t *i2cTransport) read(n int) ([]byte, error) {
	b := make([]byte, 1+n)
	err := t.dev.Tx(nil, b)
	return b[1:], err
}
