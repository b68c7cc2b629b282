package archtest

import (
	"fmt"
	"strings"
	"testing"
)

// pkg is an invented package of ours with imports, ours given by short path.
func pkg(path string, imports ...string) Package {
	p := Package{ImportPath: Module + "/" + path, Name: "x", Doc: "Package x."}
	for _, i := range imports {
		p.Imports = append(p.Imports, long(i))
	}
	return p
}

func long(path string) string {
	if strings.Contains(path, ".") { // of others
		return path
	}
	return Module + "/" + path
}

func main(path string) Package {
	p := pkg(path)
	p.Name = "main"
	return p
}

func TestImportRules(t *testing.T) {
	test := pkg("store/forward")
	test.XTestImports = []string{Module + "/build/sandbox", Module + "/hal/sim"}
	badgerTest := pkg("firmware/payment")
	badgerTest.TestImports = []string{"github.com/dgraph-io/badger/v4"}
	mainTest := pkg("lan")
	mainTest.TestImports = []string{Module + "/lan/pos"}
	for _, c := range []struct {
		packages []Package
		broken   string // part of the one complaint; "" = none
	}{
		{[]Package{pkg("emvkernel", "emvkernel/tlv", "emvkernel/oda")}, ""},
		{[]Package{pkg("emvkernel", "hal")}, "emvkernel imports hal; it may import emvkernel/apdu"},
		{[]Package{pkg("emvkernel", "emvkernel/emvtest")}, "emvkernel imports emvkernel/emvtest"},
		{[]Package{pkg("emvkernel", "emvkernel/transcript")}, "emvkernel imports emvkernel/transcript"},
		{[]Package{pkg("emvkernel/tlv", "emvkernel/emvtest")}, "emvkernel/tlv imports emvkernel/emvtest"},
		{[]Package{pkg("emvkernel/decode", "emvkernel/emvtest")}, "emvkernel/decode imports emvkernel/emvtest"},
		{[]Package{pkg("emvkernel/transcript", "emvkernel", "emvkernel/apdu", "emvkernel/tlv")}, ""},
		{[]Package{pkg("emvkernel/oda", "emvkernel")}, "emvkernel/oda imports emvkernel;"},
		{[]Package{pkg("emvkernel/emvtest", "emvkernel", "emvkernel/oda")}, ""},
		{[]Package{pkg("firmware/payment", "emvkernel/emvtest")}, "firmware/payment imports emvkernel/emvtest"},
		{[]Package{pkg("firmware/reader", "emvkernel/emvtest")}, "firmware/reader imports emvkernel/emvtest"},
		{[]Package{pkg("emvkernel/tlv", "store")}, "emvkernel/tlv imports store"},
		{[]Package{pkg("emvkernel/emv", "emvkernel/emvtest", "hal", "hal/ccid/usbfs")}, ""},
		{[]Package{pkg("emvkernel/emv", "hal/board")}, "emvkernel/emv imports hal/board"},
		{[]Package{pkg("emvkernel/transcript", "hal")}, "emvkernel/transcript imports hal"},
		{[]Package{pkg("hal/softpad", "hal", "hal/dukpt", "hal/pinblock")}, ""},
		{[]Package{pkg("hal/softpad", "emvkernel")}, "hal/softpad imports emvkernel"},
		{[]Package{pkg("hal/sim", "hal", "hal/filekeys")}, ""},
		{[]Package{pkg("hal/sim", "emvkernel/emvtest")}, "hal/sim imports emvkernel/emvtest"},
		{[]Package{pkg("store/forward", "store", "store/seal")}, ""},
		{[]Package{pkg("store", "firmware/platform")}, "store imports firmware/platform"},
		{[]Package{pkg("lan", "lan/wire")}, ""},
		{[]Package{pkg("lan", "firmware/payment")}, "lan imports firmware/payment"},
		{[]Package{pkg("display", "hal")}, "display imports hal; it may import nothing of ours"},
		{[]Package{pkg("firmware/payment", "hal", "emvkernel", "emvkernel/tlv", "store", "store/seal", "store/killpoint")}, ""},
		{[]Package{pkg("firmware/payment", "store/forward")}, "firmware/payment imports store/forward"},
		{[]Package{pkg("firmware/payment", "hal/sim")}, "firmware/payment imports hal/sim"},
		{[]Package{pkg("firmware/payment", "lan/wire")}, "firmware/payment imports lan/wire"},
		{[]Package{pkg("firmware/platform", "store/seal")}, ""},
		{[]Package{pkg("firmware/platform", "store")}, "firmware/platform imports store;"},
		{[]Package{pkg("firmware/reader", "hal", "lan", "lan/wire", "display", "store/forward", "firmware/platform")}, ""},
		{[]Package{pkg("firmware/reader", "hal/board")}, "firmware/reader imports hal/board"},
		{[]Package{pkg("firmware", "firmware/reader", "hal/board")}, ""},
		{[]Package{pkg("firmware", "hal/sim")}, "firmware imports hal/sim"},
		{[]Package{pkg("build/simulator", "build/sandbox", "hal/sim", "firmware/reader", "emvkernel/emvtest")}, ""},
		{[]Package{main("firmware"), pkg("build/simulator", "firmware")}, "build/simulator imports smartreader/firmware, a main"},
		{[]Package{main("lan/pos"), mainTest}, "lan imports smartreader/lan/pos, a main"},
		{[]Package{pkg("printer")}, "printer: no import rule"},
		{[]Package{pkg("storeroom")}, "storeroom: no import rule"},
		{[]Package{pkg("store", "github.com/dgraph-io/badger/v4")}, ""},
		{[]Package{pkg("store/forward", "github.com/dgraph-io/badger/v4")}, "only store may"},
		{[]Package{badgerTest}, "only store may"},
		{[]Package{pkg("hal/board", "periph.io/x/host/v3")}, ""},
		{[]Package{pkg("hal/pn532", "periph.io/x/conn/v3/spi")}, ""},
		{[]Package{pkg("hal/pn532", "periph.io/x/host/v3")}, "only hal/board may"},
		{[]Package{test}, ""}, // tests may import what they need
		{[]Package{{ImportPath: "github.com/other/thing", Imports: []string{Module + "/store"}}}, ""},
	} {
		expect(t, fmt.Sprint(c.packages), CheckImports(c.packages), c.broken)
	}
}

func TestLayoutRules(t *testing.T) {
	undocumented := pkg("lan/client")
	undocumented.Doc = "\n"
	for _, c := range []struct {
		pkg    Package
		broken string
	}{
		{pkg("hal/pn532"), ""},
		{pkg("build/image"), ""},
		{pkg("cmd/reader"), "packages lie in"},
		{Package{ImportPath: Module, Doc: "x"}, "packages lie in"},
		{pkg("store/util"), `"util" is a drawer`},
		{pkg("lan/types/v1"), `"types" is a drawer`},
		{pkg("hal/internal/bus"), `"internal" is a drawer`},
		{undocumented, "has no doc comment"},
		{Package{ImportPath: "example.com/common"}, ""},
	} {
		expect(t, c.pkg.ImportPath, CheckPackages([]Package{c.pkg}), c.broken)
	}
	for name, broken := range map[string]string{"hal": "", ".git": "", "out": "", "tools": "folder tools", "internal": "folder internal"} {
		expect(t, name, CheckFolders([]string{name}), broken)
	}
}

func TestProductionRules(t *testing.T) {
	for _, c := range []struct {
		pkg    Package
		broken string
	}{
		{pkg("hal/board"), ""},
		{pkg("hal/filekeys"), ""},
		{pkg("store/killpoint"), ""},
		{pkg("hal/sim"), "contains hal/sim"},
		{pkg("hal/haltest"), "contains hal/haltest"},
		{pkg("emvkernel/emvtest"), "contains emvkernel/emvtest"},
		{pkg("emvkernel/emvtest/keygen"), "contains emvkernel/emvtest/keygen"},
		{pkg("build/sandbox"), "contains build/sandbox"},
		{Package{ImportPath: "testing"}, "contains package testing"},
	} {
		expect(t, c.pkg.ImportPath, CheckProduction([]Package{c.pkg}), c.broken)
	}
	for program, broken := range map[string]string{
		"smartreader/firmware/reader.Run":     "",
		"..SMARTREADER_KILLPOINT..":           "SMARTREADER_KILLPOINT",
		"\x00smartreader/hal/sim.Open\x00":    "smartreader/hal/sim",
		"smartreader/emvkernel/emvtest.Load":  "emvtest",
		"\xffsmartreader/build/sandbox.New\n": "smartreader/build/",
	} {
		expect(t, program, CheckProgram([]byte(program)), broken)
	}
}

// expect wants one complaint that contains the text, or none.
func expect(t *testing.T, what string, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("%s: unexpected: %q", what, got)
	case want != "" && (len(got) != 1 || !strings.Contains(got[0], want)):
		t.Errorf("%s: got %q, want one with %q", what, got, want)
	}
}
