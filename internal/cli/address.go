package cli

import "strings"

// appOf reads the address of an app's repository, in each form that git takes:
//
//	https://console.example.com/git/shop.git
//	ssh://git@console.example.com:2222/shop.git
//	git@console.example.com:shop.git
func (p *program) appOf(address string) (base, name string, ok bool) {
	if host, path, scp := scpForm(address); scp {
		address = "ssh://" + host + "/" + strings.TrimPrefix(path, "/")
	}
	if base, name, ok = appAt(address); ok {
		return base, name, ok
	}
	return p.appOverSSH(address)
}

// scpForm takes "git@host:path" apart; git takes it as such when no slash stands before the colon.
func scpForm(address string) (host, path string, ok bool) {
	if strings.Contains(address, "://") {
		return "", "", false
	}
	host, path, ok = strings.Cut(address, ":")
	if !ok || strings.Contains(host, "/") || strings.HasPrefix(path, ":") || len(host) < 2 { // one letter is a disk of Windows
		return "", "", false
	}
	return host, path, true
}
