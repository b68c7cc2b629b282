package entry

import (
	"bytes"

	"smartreader/emvkernel/tap"
)

// anyKernel is asked for by an application whose payment system has no kernel of its own by default.
const anyKernel tap.KernelID = 0

// defaults are the kernels of the payment systems, by the provider's identifier (Book B, Table 3-6): what is
// meant by an application that names no kernel.
var defaults = []struct {
	provider []byte
	kernel   tap.KernelID
}{
	{[]byte{0xA0, 0x00, 0x00, 0x00, 0x04}, tap.KernelMastercard},
	{[]byte{0xA0, 0x00, 0x00, 0x00, 0x03}, tap.KernelVisa},
	{[]byte{0xA0, 0x00, 0x00, 0x00, 0x25}, tap.KernelAmex},
	{[]byte{0xA0, 0x00, 0x00, 0x00, 0x65}, tap.KernelJCB},
	{[]byte{0xA0, 0x00, 0x00, 0x01, 0x52}, tap.KernelDiscover},
	{[]byte{0xA0, 0x00, 0x00, 0x03, 0x24}, tap.KernelDiscover},
	{[]byte{0xA0, 0x00, 0x00, 0x03, 0x33}, tap.KernelUnionPay},
}

func defaultKernel(aid []byte) tap.KernelID {
	for _, d := range defaults {
		if bytes.HasPrefix(aid, d.provider) {
			return d.kernel
		}
	}
	return anyKernel
}

// requestedKernel decodes the kernel identifier '9F2A' of a directory entry whose name begins with aid
// (Book B, 3.3.2.5 C). The two high bits of its first byte say whose number it is: 00 an international
// kernel's and 01 reserved, one byte counts; 10 a domestic and 11 a proprietary kernel's, of three bytes, or
// out of scope when the six low bits are zero. Absent or empty it stands for the payment system's default,
// zero for any kernel.
//
// ok is false for a kernel that no byte can name: of three bytes, or too short for them.
func requestedKernel(id, aid []byte) (kernel tap.KernelID, ok bool) {
	if len(id) == 0 {
		return defaultKernel(aid), true
	}
	if id[0] >= 0x80 {
		return 0, false
	}
	return tap.KernelID(id[0]), true
}

// fits reports whether the combination's kernel is the one that the directory entry asks for (Book B,
// 3.3.2.5 D). tap.Elsewhere(0) fits any: no kernel will look at the card.
func fits(c *tap.Combination, id []byte) bool {
	if c.Kernel.ID() == 0 {
		return true
	}
	kernel, ok := requestedKernel(id, c.AID)
	return ok && (kernel == anyKernel || kernel == c.Kernel.ID())
}
