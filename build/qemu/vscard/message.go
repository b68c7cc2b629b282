package vscard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// kind is the type of a message: libcacard, "vscard_common.h", VSCMsgType.
type kind uint32

const (
	kindInit         kind = 1
	kindError        kind = 2
	kindReaderAdd    kind = 3
	kindReaderRemove kind = 4
	kindATR          kind = 5
	kindCardRemove   kind = 6
	kindAPDU         kind = 7
	kindFlush        kind = 8
	kindFlushDone    kind = 9
)

const (
	headerSize = 12
	// maxData bounds a message: an extended APDU with its header and a status
	// word (ISO/IEC 7816-4), rounded up.
	maxData = 1<<16 + 16
	// anyReader is the reader before QEMU has named one, and QEMU's only one.
	anyReader = 0xFFFFFFFF
	version   = 2
)

var magic = []byte("VSCD")

// errProtocol is what a peer is told that does not speak VSCARD.
var errProtocol = errors.New("vscard: the peer does not speak this protocol")

// message is one message either way.
type message struct {
	kind   kind
	reader uint32
	data   []byte
}

// readMessage reads one message. At the end between two messages it returns
// io.EOF.
func readMessage(r io.Reader) (message, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return message{}, err
	}
	m := message{kind: kind(binary.BigEndian.Uint32(h[0:])), reader: binary.BigEndian.Uint32(h[4:])}
	n := binary.BigEndian.Uint32(h[8:])
	if m.kind < kindInit || m.kind > kindFlushDone || n > maxData {
		return message{}, fmt.Errorf("%w: message type %d of %d bytes", errProtocol, m.kind, n)
	}
	m.data = make([]byte, n)
	if _, err := io.ReadFull(r, m.data); err != nil {
		return message{}, fmt.Errorf("vscard: %w", io.ErrUnexpectedEOF)
	}
	return m, nil
}

// append writes the message behind b.
func (m message) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(m.kind))
	b = binary.BigEndian.AppendUint32(b, m.reader)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.data)))
	return append(b, m.data...)
}

// hello is the first message of either side: magic, version, one word of
// capabilities, of which we have none.
func hello() message {
	data := binary.BigEndian.AppendUint32(append([]byte(nil), magic...), version)
	return message{kindInit, anyReader, binary.BigEndian.AppendUint32(data, 0)}
}

// checkHello refuses a peer with another protocol or another version.
func checkHello(m message) error {
	if m.kind != kindInit || len(m.data) < 8 || string(m.data[:4]) != string(magic) {
		return fmt.Errorf("%w: it began with a message of type %d", errProtocol, m.kind)
	}
	if v := binary.BigEndian.Uint32(m.data[4:]); v != version {
		return fmt.Errorf("%w: its version is %d, ours %d", errProtocol, v, version)
	}
	return nil
}
