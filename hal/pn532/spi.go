package pn532

import (
	"fmt"
	"math/bits"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// The first byte of a transaction (User Manual, "SPI communication details").
const (
	spiWrite  = 0x01
	spiStatus = 0x02
	spiRead   = 0x03
)

const (
	spiReady = 0x01
	// spiSpeed is well below the chip's 5 MHz: modules hang on loose wires.
	spiSpeed = physic.MegaHertz
)

type spiTransport struct {
	port spi.Port
	conn spi.Conn
}

// SPI makes a link of a port, at 1 MHz in mode 0. A port can be connected only
// once, so make one link of it and give that to the reader at every opening.
func SPI(port spi.Port) Link { return polled{&spiTransport{port: port}} }

func (t *spiTransport) String() string {
	return fmt.Sprintf("PN532 on SPI %s (check power, the four wires, interface switches 0 1)", t.port)
}

func (t *spiTransport) rouse() {
	// Selecting the chip wakes it; it does not answer yet.
	_, _ = t.ready()
}

func (t *spiTransport) write(frame []byte) error {
	_, err := t.exchange(spiWrite, frame)
	return err
}

func (t *spiTransport) ready() (bool, error) {
	status, err := t.exchange(spiStatus, []byte{0})
	return err == nil && status[0]&spiReady != 0, err
}

func (t *spiTransport) read(n int) ([]byte, error) { return t.exchange(spiRead, make([]byte, n)) }

// exchange runs one transaction and returns what came in behind the first
// byte. The chip sends the least significant bit first. Few host controllers
// can, so the bits are turned round here.
func (t *spiTransport) exchange(operation byte, out []byte) ([]byte, error) {
	if t.conn == nil {
		conn, err := t.port.Connect(spiSpeed, spi.Mode0, 8)
		if err != nil {
			return nil, err
		}
		t.conn = conn
	}
	w := append([]byte{operation}, out...)
	turn(w)
	r := make([]byte, len(w))
	err := t.conn.Tx(w, r)
	clear(w)
	if err != nil {
		return nil, err
	}
	turn(r)
	return r[1:], nil
}

func turn(b []byte) {
	for i := range b {
		b[i] = bits.Reverse8(b[i])
	}
}
