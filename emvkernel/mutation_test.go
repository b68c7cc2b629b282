package emvkernel_test

import (
	"bytes"

	"smartreader/emvkernel/tlv"
)

// mutation is one change to one answer of a card. Five bytes of a fuzzer's program make one.
type mutation struct {
	answer  byte // which one
	kind    byte // index of mutations
	a, b, c byte
}

const mutationSize = 5

func mutationsOf(program []byte) []mutation {
	var list []mutation
	for ; len(program) >= mutationSize && len(list) < 8; program = program[mutationSize:] {
		list = append(list, mutation{program[0], program[1], program[2], program[3], program[4]})
	}
	return list
}

// interesting are tags a terminal acts on.
var interesting = []tlv.Tag{
	0x5A, 0x57, 0x5F24, 0x5F25, 0x5F28, 0x5F34, 0x82, 0x94, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x92, 0x93, 0x9F32, 0x9F46, 0x9F47, 0x9F48,
	0x9F49, 0x9F4A, 0x9F4B, 0x9F07, 0x9F08, 0x9F0D, 0x9F0E, 0x9F0F, 0x9F10, 0x9F14, 0x9F23, 0x9F26, 0x9F27, 0x9F36, 0x9F38, 0x9F42,
	0x9F37, 0x95, 0x8A, 0x97, 0x84, 0x87, 0x50, 0x70, 0x77, 0x80, 0xA5, 0xBF0C, 0x61, 0x4F,
}

// mutations change an answer. The first ones know only bytes, the later ones keep the structure intact
// around what they change, so that the kernel has to look closer.
var mutations = []func(m mutation, answer []byte, earlier [][]byte) []byte{
	func(m mutation, b []byte, _ [][]byte) []byte { // flip bits
		if at, ok := m.place(b); ok {
			b[at] ^= m.c
		}
		return b
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // delete
		if at, ok := m.place(b); ok {
			return append(b[:at], b[min(len(b), at+1+int(m.c%8)):]...)
		}
		return b
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // insert
		if at, ok := m.place(b); ok {
			return append(bytes.Clone(b[:at]), append([]byte{m.c}, b[at:]...)...)
		}
		return b
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // cut short
		at, _ := m.place(b)
		return b[:at]
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // bytes behind the data
		return append(append(bytes.Clone(data(b)), bytes.Repeat([]byte{m.c}, int(m.b))...), 0x90, 0x00)
	},
	func(m mutation, b []byte, _ [][]byte) []byte { return append(data(b), m.a, m.b) }, // status word
	func(m mutation, _ []byte, _ [][]byte) []byte { return []byte{m.a, m.b} },          // nothing but one
	func(m mutation, b []byte, earlier [][]byte) []byte { // an earlier answer
		if len(earlier) == 0 {
			return b
		}
		return bytes.Clone(earlier[int(m.a)%len(earlier)])
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // drop an object
		return m.onTree(b, func(n *node) { n.gone = true })
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // twice
		return m.onTree(b, func(n *node) { n.twice = true })
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // change a value
		return m.onTree(b, func(n *node) {
			if len(n.value) > 0 {
				n.value[int(m.b)%len(n.value)] ^= m.c
			}
		})
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // change its length
		return m.onTree(b, func(n *node) {
			n.value = append(n.value, bytes.Repeat([]byte{m.c}, int(m.b))...)[:m.b]
		})
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // another tag
		return m.onTree(b, func(n *node) { n.tag = interesting[int(m.c)%len(interesting)] })
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // one more object
		return m.onTree(b, func(n *node) {
			n.children = append(n.children, &node{tag: interesting[int(m.b)%len(interesting)], value: bytes.Repeat([]byte{m.c}, 1+int(m.c%8))})
		})
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // objects in another order
		return m.onTree(b, func(n *node) {
			if k := len(n.children); k > 1 {
				i, j := int(m.b)%k, int(m.c)%k
				n.children[i], n.children[j] = n.children[j], n.children[i]
			}
		})
	},
	func(m mutation, b []byte, _ [][]byte) []byte { // longer length fields
		return m.onTree(b, func(n *node) { n.long = 1 + m.b%3 })
	},
}

func (m mutation) apply(answer []byte, earlier [][]byte) []byte {
	return mutations[int(m.kind)%len(mutations)](m, answer, earlier)
}

// place picks a byte of the answer.
func (m mutation) place(answer []byte) (at int, ok bool) {
	if len(answer) == 0 {
		return 0, false
	}
	return (int(m.a)<<8 | int(m.b)) % len(answer), true
}

// node is a data object that can be changed and encoded again.
type node struct {
	tag      tlv.Tag
	value    []byte // of a primitive one
	children []*node
	gone     bool
	twice    bool
	long     byte // bytes of length field beyond what is needed
}

// onTree changes the object m.a counts to, in the order they are written, and encodes the answer again.
func (m mutation) onTree(answer []byte, change func(*node)) []byte {
	e, rest, err := tlv.ParseOne(data(answer))
	if err != nil || len(answer) < 2 {
		return answer
	}
	root := grow(e)
	var all []*node
	var list func(*node)
	list = func(n *node) {
		all = append(all, n)
		for _, c := range n.children {
			list(c)
		}
	}
	list(root)
	change(all[int(m.a)%len(all)])
	out := append(root.encode(), rest...)
	return append(out, answer[len(answer)-2:]...)
}

func grow(e tlv.Element) *node {
	n := &node{tag: e.Tag, value: bytes.Clone(e.Value)}
	if list, err := e.Children(); err == nil {
		n.value = nil
		for _, c := range list {
			n.children = append(n.children, grow(c))
		}
	}
	return n
}

func (n *node) encode() []byte {
	if n.gone {
		return nil
	}
	value := bytes.Clone(n.value)
	for _, c := range n.children {
		value = append(value, c.encode()...)
	}
	out := tlv.Append(nil, n.tag, value...)
	if n.long > 0 && len(value) < 0x80 {
		head := out[:len(out)-len(value)-1]
		out = append(append(bytes.Clone(head), 0x80+n.long), make([]byte, n.long-1)...)
		out = append(append(out, byte(len(value))), value...)
	}
	if n.twice {
		out = append(out, out...)
	}
	return out
}
