package proxy

import (
	"net/http"
	"strings"
)

// serveHTTPS routes by the one normal form of the host.
func (s *Server) serveHTTPS(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.active.Add(1)
	defer s.active.Add(-1)
	if refuseMethod(w, r) {
		return
	}
	t := s.table.Load()
	if len(t.hosts) == 0 {
		pageStarting.write(w, r)
		return
	}
	entry := t.hosts[normalHost(r.Host)]
	if entry == nil {
		pageUnknown.write(w, r)
		return
	}
	// Over HTTP/2 a connection carries many requests, each of which costs as much as one.
	client := clientKey(r.RemoteAddr)
	if !s.work.enter(client) {
		pageBusy.write(w, r)
		return
	}
	defer s.work.leave(client)
	if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
		// net/http has dropped a Content-Length beside it, silently. What a client that
		// sends both means by the bytes behind the body, nobody knows: they are not read.
		w.Header().Set("Connection", "close")
	}
	s.forward(w, r, entry)
}

// serveHTTP sends known hosts to HTTPS, after the ACME server has had its answer.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.active.Add(1)
	defer s.active.Add(-1)
	if refuseMethod(w, r) {
		return
	}
	host := normalHost(r.Host)
	if s.certs.answerChallenge(w, r, host) {
		return
	}
	t := s.table.Load()
	switch {
	case len(t.hosts) == 0:
		pageStarting.write(w, r)
	case t.hosts[host] == nil:
		pageUnknown.write(w, r)
	default:
		s.redirect(w, r, host)
	}
}

func (s *Server) redirect(w http.ResponseWriter, r *http.Request, host string) {
	uri := r.RequestURI
	if !strings.HasPrefix(uri, "/") {
		uri = r.URL.RequestURI() // absolute form
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	w.Header().Set("Location", "https://"+host+s.portSuffix()+uri)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusPermanentRedirect)
}

func refuseMethod(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodConnect && r.Method != http.MethodTrace {
		return false
	}
	pageMethod.write(w, r)
	return true
}
