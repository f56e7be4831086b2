package config

import (
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// Address is where these settings say that the server is found.
func (c Config) Address() platform.ServerAddress {
	own := c.own()[0]
	a := platform.ServerAddress{
		Kind: platform.AddressReady, Base: own, Domain: c.Domain, Ready: c.ReadyBase(), IP: c.ip, Guessed: c.PublicIP == "" && (!c.ip.IsValid() || private(c.ip)),
		Private: c.Private(), Email: c.ACMEEmail, Public: c.CanACME("console." + own), Console: c.URL("console." + own),
	}
	switch {
	case c.Domain != "":
		a.Kind = platform.AddressDomain
	case own == Local:
		a.Kind = platform.AddressLocal
	}
	for _, former := range c.Former {
		if former != own {
			a.Former = append(a.Former, c.URL("console."+former))
		}
	}
	return a
}

// Wish gives the settings that fulfil a wish, and refuses one that cannot be.
func (c Config) Wish(w platform.AddressWish) (map[string]string, error) {
	switch w.Kind {
	case platform.AddressDomain:
		return c.wishDomain(w)
	case platform.AddressReady:
		return c.wishReady(w)
	case platform.AddressLocal:
		return map[string]string{"domain": "", "base_domain_suffix": Off}, nil
	}
	return nil, platform.Errorf(platform.Invalid, "address_kind", "%.40q is no kind of address.", w.Kind).
		WithHint("It is one of: domain, ready, local.")
}

func (c Config) wishDomain(w platform.AddressWish) (map[string]string, error) {
	domain := strings.TrimSpace(w.Domain)
	var checked Config
	if err := field("domain").set(&checked, domain); err != nil || checked.Domain == "" {
		return nil, platform.Errorf(platform.Invalid, "address_invalid", "%.80q is not a domain that this server can have.", domain).
			WithHint("Give a name of your own such as apps.example.com, without https:// and without a port.")
	}
	if checked.Domain == Local || !c.provable(checked.Domain) {
		return nil, platform.Errorf(platform.Invalid, "address_invalid", "%s is not a domain of your own.", checked.Domain).
			WithHint("Choose the ready name instead; or give a domain that you have bought.")
	}
	changes := map[string]string{"domain": checked.Domain}
	if c.Suffix == Off {
		changes["base_domain_suffix"] = ""
	}
	if w.Email != nil {
		email := strings.TrimSpace(*w.Email)
		if err := field("acme_email").set(&checked, email); err != nil {
			return nil, platform.Errorf(platform.Invalid, "email_invalid", "%.80q is not an e-mail address.", email).
				WithHint("Give one such as ada@example.com, or leave it empty.")
		}
		changes["acme_email"] = email
	}
	return changes, nil
}

func (c Config) wishReady(w platform.AddressWish) (map[string]string, error) {
	changes := map[string]string{"domain": ""}
	if c.Suffix == Off {
		changes["base_domain_suffix"] = ""
	}
	given := strings.TrimSpace(w.IP)
	if given == "" && c.PublicIP != "" {
		return changes, nil
	}
	if given == "" {
		if !c.ip.IsValid() {
			return nil, platform.Errorf(platform.Invalid, "address_invalid", "This server does not know its public IP address.").
				WithHint("Say which it is; your provider's page shows it.")
		}
		given = c.ip.String()
	}
	var checked Config
	if err := field("public_ip").set(&checked, given); err != nil {
		return nil, platform.Errorf(platform.Invalid, "address_invalid", "%.60q is not an IP address.", given).
			WithHint("Give one such as 203.0.113.7; your provider's page shows it.")
	}
	if w.IP != "" || private(c.ip) { // an address that is named counts, and is no guess any more
		changes["public_ip"] = given
	}
	return changes, nil
}

// Preview gives the address that a wish would lead to.
func (c Config) Preview(w platform.AddressWish) (platform.ServerAddress, error) {
	changes, err := c.Wish(w)
	if err != nil {
		return platform.ServerAddress{}, err
	}
	next, err := c.With(changes)
	return next.Address(), err
}

// Move writes what fulfils a wish. asked is the console's name by which somebody came, "" from the shell.
func (c Config) Move(w platform.AddressWish, asked string) (Config, error) {
	changes, err := c.Wish(w)
	if err != nil {
		return c, err
	}
	return c.Change(c.Leave(changes, strings.TrimPrefix(asked, "console.")))
}
