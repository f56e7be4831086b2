package platform

import "net/netip"

// AddressKind is the way in which people find a server.
type AddressKind string

// The ways.
const (
	AddressDomain AddressKind = "domain" // below a domain of the owner: console.example.com, my-app.example.com
	AddressReady  AddressKind = "ready"  // below a name that is made of the public IP address, and resolves without anybody's doing
	AddressLocal  AddressKind = "local"  // on the machine itself alone, below localhost
)

// ServerAddress is where a server is found.
type ServerAddress struct {
	Kind    AddressKind
	Base    string     // the console is console.Base, an app NAME.Base
	Domain  string     // "" unless Kind is AddressDomain
	Ready   string     // the base that the ready name has, whether it is used or not; "" where no address is known
	IP      netip.Addr // that visitors reach the server at; invalid when that is not known
	Guessed bool       // nobody has named the IP, and it may be another one: it is private, or not known
	Private bool       // it is reached from its own network only
	Email   string     // for the account at the certificate authority
	Public  bool       // certificates come from a public authority, so that browsers do not warn
	Console string     // URL of the console
	Former  []string   // URLs at which the console answers as well until the address is confirmed, the best first
}

// AddressWish is what a person asks for.
type AddressWish struct {
	Kind   AddressKind
	Domain string  // for AddressDomain
	IP     string  // for AddressReady; "" leaves it as it is
	Email  *string // for AddressDomain; nil leaves it as it is
	Anyway bool    // also when the domain does not lead here yet
}
