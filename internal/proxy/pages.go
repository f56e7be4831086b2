package proxy

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// page is an answer by the proxy itself. It says nothing about apps: whoever reads it
// may be a stranger.
type page struct {
	status int
	title  string
	text   string
	retry  int // seconds; 0 for none
}

var (
	pageUnknown  = page{404, "There is no app at this address", "Check the address for a typing mistake. If it is your domain, add it to your app first.", 0}
	pageNothing  = page{503, "Nothing is running here", "The app has not been deployed yet, or has 0 web replicas. Its owner can deploy it or scale it up.", 10}
	pageNoWeb    = page{404, "This app has no web process", "It runs, but nothing of it answers requests. To give it pages, its owner adds a process named web and deploys again.", 0}
	pageStarting = page{503, "This server has just started", "The apps come up in a moment. This page tries again by itself.", 5}
	pageDead     = page{502, "The app does not answer", "It may be restarting. Try again in a moment; its owner finds the reason in the app's logs.", 5}
	pageTimeout  = page{504, "The app took too long to answer", "Try again in a moment; its owner finds the reason in the app's logs.", 0}
	pageConsole  = page{503, "The console is restarting", "Your apps go on serving meanwhile. This page tries again by itself.", 5}
	pageCut      = page{503, "The console was restarted while it worked on this", "Go back and look whether it is done. If not, do it again in a moment.", 0}
	pageSlow     = page{408, "The request stopped half-way", "Nothing more of it arrived for a while. Check your connection and send it again.", 0}
	pageBusy     = page{503, "Too much at once", "As many requests are under way as this server can carry. Try again in a moment.", 5}
	pageMethod   = page{405, "This method is not allowed", "CONNECT and TRACE do not lead to apps.", 0}
)

const pageHTML = `<!doctype html><html lang="en"><head><meta charset="utf-8">%s<meta name="viewport" content="width=device-width,initial-scale=1"><title>%s</title>
<style>:root{color-scheme:light dark}body{font:1.05rem/1.6 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center}main{max-width:34rem;padding:2rem}h1{font-size:1.5rem;line-height:1.3;margin:0 0 .5rem}p{margin:0;opacity:.8}small{display:block;margin-top:2rem;opacity:.6}</style></head>
<body><main><h1>%s</h1><p>%s</p><small>%d</small></main></body></html>
`

// write answers browsers with a page and programs with two lines.
func (p page) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	if p.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	}
	body := p.title + ".\n" + p.text + "\n"
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		h.Set("Content-Type", "text/html; charset=utf-8")
		body = p.html()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // a client that has gone needs no page
	}
}

// problem answers a program that asked the API: as every error of the API is written.
func (p page) problem(w http.ResponseWriter, code, message, hint string) {
	body := fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"code":%q,"message":%q,"hint":%q}`+"\n",
		http.StatusText(p.status), p.status, code, message, hint)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.status)
	_, _ = io.WriteString(w, body) // a client that has gone needs no answer
}

func (p page) html() string {
	refresh := ""
	if p.retry > 0 {
		refresh = fmt.Sprintf(`<meta http-equiv="refresh" content="%d">`, p.retry)
	}
	title := html.EscapeString(p.title)
	return fmt.Sprintf(pageHTML, refresh, title, title, html.EscapeString(p.text), p.status)
}
