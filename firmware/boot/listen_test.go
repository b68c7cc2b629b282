package boot

import (
	"reflect"
	"testing"
	"testing/fstest"
)

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1234 1
   1: 0F02000A:C5A2 0202000A:115B 01 00000000:00000000 00:00000000 00000000  1000        0 1235 1
`

const tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:115B 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1236 1
`

const udpTable = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   77: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1237 2 0 0
   78: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 1238 2 0 0
   79: 0F02000A:9C40 0202000A:007B 01 00000000:00000000 00:00000000 00000000     0        0 1239 2 0 0
`

func TestOnlyTheLANPortMayListen(t *testing.T) {
	root := fstest.MapFS{
		"proc/net/tcp":  {Data: []byte(tcpTable)},
		"proc/net/tcp6": {Data: []byte(tcp6Table)},
		"proc/net/udp":  {Data: []byte(udpTable)},
	}
	all, err := sockets(root)
	if err != nil || len(all) != 4 {
		t.Fatalf("got %v, %v", all, err)
	}
	listens, strangers := judge(all, 4443)
	want := []string{"tcp 127.0.0.1:80 of user 1000", "udp 0.0.0.0:5353 of user 1000"}
	if !listens || !reflect.DeepEqual(strangers, want) {
		t.Errorf("got %v, %q, want %q", listens, strangers, want)
	}
	if listens, strangers := judge(all, 4444); listens || len(strangers) != 3 {
		t.Errorf("for another port: %v, %q", listens, strangers)
	}
	if _, err := sockets(fstest.MapFS{}); err == nil {
		t.Error("without /proc nothing was said")
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add("tcp", tcpTable)
	f.Add("tcp", tcp6Table)
	f.Add("udp", udpTable)
	f.Add("tcp", " 0: : : 0A 0 0 0 0")
	f.Fuzz(func(t *testing.T, protocol, table string) {
		for _, s := range parseSockets(protocol, table) {
			if !s.address.IsValid() {
				t.Errorf("%q: %v", table, s)
			}
		}
	})
}
