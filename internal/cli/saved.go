package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// saved is what `lugsail login` keeps in the person's own configuration directory.
type saved struct {
	Current string                 `json:"current"` // URL of the server that is meant when none is named
	Servers map[string]savedServer `json:"servers"` // by URL
}

// savedServer is one server that a person is signed in to.
type savedServer struct {
	URL   string `json:"url"`
	Email string `json:"email"`
	Token string `json:"token"`
	Own   bool   `json:"own,omitempty"`  // login made the token, so it is ours to end; else the person brought it
	CA    string `json:"ca,omitempty"`   // file of a certificate to trust; "" means the system's
	Here  bool   `json:"here,omitempty"` // it is this very machine, whose own address it may not reach from inside
}

func (p *program) dir() (string, error) {
	if dir := p.env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lugsail"), nil
	}
	home := p.env("HOME")
	if home == "" {
		return "", platform.Errorf(platform.Invalid, "no_home", "The environment variable HOME is not set, so there is no place to keep who is signed in.").
			WithHint("Set HOME, or give LUGSAIL_URL and LUGSAIL_TOKEN.")
	}
	return filepath.Join(home, ".config", "lugsail"), nil
}

func (p *program) readSaved() (saved, error) {
	s := saved{Servers: map[string]savedServer{}}
	dir, err := p.dir()
	if err != nil {
		return s, err
	}
	data, err := os.ReadFile(filepath.Join(dir, "servers.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("reading who is signed in: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil || s.Servers == nil {
		return s, platform.Errorf(platform.Invalid, "saved_damaged", "The file %s is damaged.", filepath.Join(dir, "servers.json")).
			WithHint("Remove it and sign in again: lugsail login")
	}
	return s, nil
}

func (p *program) writeSaved(s saved) error {
	dir, err := p.dir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("saving who is signed in: %w", err)
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("saving who is signed in: %w", err)
	}
	return atomicfile.Write(filepath.Join(dir, "servers.json"), append(data, '\n'), 0o600)
}

// server finds out which server is meant: the environment goes before what was saved.
// A token from the environment belongs to the server that the environment or the saved choice names.
func (p *program) server() (savedServer, error) {
	s, err := p.readSaved()
	if err != nil && p.env("LUGSAIL_URL") == "" {
		return savedServer{}, err
	}
	url := s.Current
	if u := p.env("LUGSAIL_URL"); u != "" {
		if url, err = cleanURL(u); err != nil {
			return savedServer{}, err
		}
	}
	one := s.Servers[url]
	one.URL = url
	if t := p.env("LUGSAIL_TOKEN"); t != "" {
		one.Token = t
	}
	if f := p.env("LUGSAIL_CA_FILE"); f != "" {
		one.CA = f
	}
	if one.URL == "" || one.Token == "" {
		missing := platform.Errorf(platform.Unauthenticated, "not_signed_in", "You are not signed in to a server.")
		if local, _ := p.Local(); local != "" || one.URL != "" {
			return savedServer{}, missing.WithHint("Sign in: lugsail login")
		}
		return savedServer{}, missing.WithHint("Sign in with the address of the console: lugsail login https://console.example.com")
	}
	return one, nil
}
