package lan

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"smartreader/lan/wire"
)

// Write buffers are shared: most connections are idle most of the time.
var writeBuffers sync.Pool

// serveHTTP opens the WebSocket and stays until it is closed and its calls have
// returned. ctx is the server's.
func (s *Server) serveHTTP(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != wire.Path {
		http.NotFound(w, r)
		return
	}
	if !s.hostAllowed(r.Host) {
		// DNS rebinding: a web page's own name that was made to point here.
		http.Error(w, "this reader is not reached under that name", http.StatusMisdirectedRequest)
		return
	}
	origin := r.Header.Get("Origin")
	if origin != "" && !slices.Contains(s.opts.AllowedOrigins, origin) {
		http.Error(w, "this web page may not use the reader; add its origin to the reader's list", http.StatusForbidden)
		return
	}
	if !slices.Contains(websocket.Subprotocols(r), wire.Protocol) {
		http.Error(w, "name the WebSocket subprotocol "+wire.Protocol, http.StatusBadRequest)
		return
	}
	upgrader := websocket.Upgrader{
		HandshakeTimeout: s.limits.Hello,
		ReadBufferSize:   4 << 10,
		WriteBufferSize:  4 << 10,
		WriteBufferPool:  &writeBuffers,
		Subprotocols:     []string{wire.Protocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // done above
		// No compression: it costs 1.7 times the CPU on messages this small.
	}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.log.Debug("WebSocket refused", "remote", r.RemoteAddr, "err", err)
		return
	}
	newConn(s, ctx, socket, r.RemoteAddr, origin, trustIn(socket.NetConn())).run()
}

// hostAllowed accepts addresses and configured names. An address cannot be
// rebound; a name can.
func (s *Server) hostAllowed(hostport string) bool {
	name := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if net.ParseIP(name) != nil || strings.EqualFold(name, "localhost") {
		return true
	}
	return slices.ContainsFunc(s.opts.AllowedHosts, func(h string) bool { return strings.EqualFold(h, name) })
}
