package static

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ServeArgument is the first argument of the program when it shall serve files.
const ServeArgument = "serve-static"

// ServerVersion changes when images shall get a new server.
const ServerVersion = "1"

// Limits of what is kept compressed.
const (
	leastGzip = 1 << 10
	mostGzip  = 4 << 20
	allGzip   = 64 << 20
)

// Run serves a directory on $PORT until the process is told to stop.
func Run(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("opening the site: %w", err)
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{
		Addr: net.JoinHostPort("", port), Handler: NewServer(root.FS()),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	fmt.Printf("Serving %s on port %s\n", dir, port)
	select {
	case err := <-ended:
		return fmt.Errorf("serving the site: %w", err)
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	return server.Shutdown(finish)
}

// Server serves the files of an image, which never change while it runs. Their times all are the
// same (images are reproducible), so a file's version is the digest of its contents.
type Server struct {
	files fs.FS
	mu    sync.Mutex
	tags  map[string]string
	small map[string][]byte // compressed
	used  int
}

// NewServer serves these files.
func NewServer(files fs.FS) *Server {
	return &Server{files: files, tags: map[string]string{}, small: map[string][]byte{}}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name, to := s.find(r.URL.Path)
	switch {
	case to != "":
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusMovedPermanently)
	case name != "":
		s.serve(w, r, name, http.StatusOK)
	default:
		s.missing(w, r)
	}
}

// find turns a path into a file, or into a better path.
func (s *Server) find(urlPath string) (name, redirect string) {
	clean := path.Clean("/" + urlPath)
	name = strings.TrimPrefix(clean, "/")
	if hidden(name) {
		return "", ""
	}
	slash := strings.HasSuffix(urlPath, "/")
	switch {
	case name == "":
		return s.file("index.html"), ""
	case s.file(name) != "" && !slash:
		return name, ""
	case s.file(name+"/index.html") != "":
		if !slash {
			return "", (&url.URL{Path: clean + "/"}).EscapedPath()
		}
		return name + "/index.html", ""
	}
	return s.file(name + ".html"), ""
}

// missing answers with the site's own 404.html. A site without one is taken for an app in one page,
// whose paths all lead to its index.html.
func (s *Server) missing(w http.ResponseWriter, r *http.Request) {
	if s.file("404.html") != "" {
		s.serve(w, r, "404.html", http.StatusNotFound)
		return
	}
	page := path.Ext(r.URL.Path) == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
	if page && !hidden(strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")) && s.file("index.html") != "" {
		s.serve(w, r, "index.html", http.StatusOK)
		return
	}
	http.Error(w, "not found", http.StatusNotFound)
}

// hidden are files and folders whose name starts with a dot, except .well-known.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != ".well-known" {
			return true
		}
	}
	return false
}

func (s *Server) file(name string) string {
	info, err := fs.Stat(s.files, name)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return name
}

// fingerprinted are names that change with the contents, as bundlers write them.
var fingerprinted = regexp.MustCompile(`[-._][A-Za-z0-9_-]{8,}\.(js|mjs|css|woff2?|png|jpe?g|svg|webp|avif|gif|map|wasm)$`)

func (s *Server) serve(w http.ResponseWriter, r *http.Request, name string, status int) {
	f, err := s.files.Open(name)
	if err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	defer func() { _ = f.Close() }() // read only
	content, ok := f.(io.ReadSeeker)
	if !ok {
		http.Error(w, "this file cannot be served", http.StatusInternalServerError)
		return
	}
	tag, err := s.tag(name, content)
	if err != nil {
		http.Error(w, "this file cannot be read", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-cache")
	if status == http.StatusOK && fingerprinted.MatchString(name) && strings.Contains(name, "/") {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if compressible(name) {
		header.Set("Vary", "Accept-Encoding")
		if body := s.compressed(r, name, content); body != nil {
			header.Set("Content-Encoding", "gzip")
			content, tag = bytes.NewReader(body), tag+"-gzip"
		}
	}
	if status != http.StatusOK {
		s.fail(w, r, name, status, content)
		return
	}
	header.Set("ETag", `"`+tag+`"`)
	header.Set("Content-Type", contentType(name))
	http.ServeContent(w, r, "", time.Time{}, content)
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, name string, status int, content io.Reader) {
	w.Header().Set("Content-Type", contentType(name))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, content) // the client has gone, if anything
	}
}

// tag is the digest of the contents, reckoned once.
func (s *Server) tag(name string, content io.ReadSeeker) (string, error) {
	s.mu.Lock()
	known := s.tags[name]
	s.mu.Unlock()
	if known != "" {
		return known, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		return "", err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	tag := hex.EncodeToString(sum.Sum(nil)[:12])
	s.mu.Lock()
	s.tags[name] = tag
	s.mu.Unlock()
	return tag, nil
}

// compressed gives the file with gzip, nil when the client does not want it or it does not pay.
func (s *Server) compressed(r *http.Request, name string, content io.ReadSeeker) []byte {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.Header.Get("Range") != "" {
		return nil
	}
	s.mu.Lock()
	body, known := s.small[name]
	full := s.used > allGzip
	s.mu.Unlock()
	if known || full {
		return body
	}
	body, err := squeeze(content)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.small[name] = body
	s.used += len(body)
	return body
}

func squeeze(content io.ReadSeeker) ([]byte, error) {
	size, err := content.Seek(0, io.SeekEnd)
	if _, back := content.Seek(0, io.SeekStart); errors.Join(err, back) != nil || size < leastGzip || size > mostGzip {
		return nil, errors.Join(err, back)
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, err = io.Copy(zip, content)
	_, back := content.Seek(0, io.SeekStart)
	if err = errors.Join(err, zip.Close(), back); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func compressible(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm", ".css", ".js", ".mjs", ".json", ".svg", ".xml", ".txt", ".md", ".map", ".webmanifest", ".wasm", ".csv", ".ico", ".ttf", ".otf":
		return true
	}
	return false
}

// types that the standard library does not know without files of the system.
var types = map[string]string{
	".ico": "image/x-icon", ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
	".mp4": "video/mp4", ".webm": "video/webm", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".txt": "text/plain; charset=utf-8",
	".md": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json", ".map": "application/json", ".csv": "text/csv; charset=utf-8",
	".xml": "application/xml", ".pdf": "application/pdf", ".zip": "application/zip",
}

func contentType(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if t := types[ext]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}
