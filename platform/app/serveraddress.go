package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/lugsail/lugsail/platform"
)

// ServerSettings are the settings of the server itself that can be changed while it runs.
type ServerSettings interface {
	Address() platform.ServerAddress
	// Preview gives the address as it would be, and refuses what cannot be one.
	Preview(wish platform.AddressWish) (platform.ServerAddress, error)
	// Move makes it the address, a moment after it has returned. The server goes on to answer at those that it
	// leaves; asked is the console's name that the person came by.
	Move(ctx context.Context, wish platform.AddressWish, asked string) (platform.ServerAddress, error)
	// Confirm lets go of the addresses that were left.
	Confirm(ctx context.Context) error
}

// AddressView is an address, and what the DNS says of it.
type AddressView struct {
	platform.ServerAddress
	Arrived bool        // whoever asks came by this address, and by none that was left
	Names   []NameCheck // for a domain
	Records []DNSRecord // for a domain: what to enter at its provider
	Leads   bool        // all names that are needed lead here
}

// NameState is where a name leads.
type NameState string

// The states of a name.
const (
	NameHere      NameState = "here"
	NameElsewhere NameState = "elsewhere"
	NameNowhere   NameState = "nowhere" // the DNS does not know it
	NameUnknown   NameState = "unknown" // the DNS did not answer, or this server does not know its own address
)

// NameCheck is what the DNS says of one name.
type NameCheck struct {
	Host     string
	State    NameState
	Needed   bool // the server's own names; without it only what is said of them is
	Sentence string
}

// DNSRecord is what to enter at the provider of a domain.
type DNSRecord struct {
	Type    string // A, AAAA or CNAME
	Name    string // "*.example.com"
	Value   string // "" when this server does not know its public address
	Instead bool   // in the place of the others
	Means   string
}

// ServerAddress tells where the server is found, and what the DNS says of that. For the owner only.
func (s *Service) ServerAddress(ctx context.Context, actor platform.Actor) (AddressView, error) {
	if err := s.mayServe(actor); err != nil {
		return AddressView{}, err
	}
	return s.lookAtAddress(ctx, actor, s.Settings.Address()), nil
}

// ServerFound tells where the server is found, without asking the DNS. For the owner only.
func (s *Service) ServerFound(actor platform.Actor) (AddressView, error) {
	if err := s.mayServe(actor); err != nil {
		return AddressView{}, err
	}
	address := s.Settings.Address()
	return AddressView{ServerAddress: address, Arrived: arrived(actor, address)}, nil
}

// CheckAddress tells how an address would do that is not in use yet.
func (s *Service) CheckAddress(ctx context.Context, actor platform.Actor, wish platform.AddressWish) (AddressView, error) {
	if err := s.mayServe(actor); err != nil {
		return AddressView{}, err
	}
	address, err := s.Settings.Preview(wish)
	if err != nil {
		return AddressView{}, err
	}
	return s.lookAtAddress(ctx, actor, address), nil
}

// MoveServer gives the server another address. A domain that does not lead here yet is refused unless the
// wish says that it is wanted anyway. Nobody is locked out: the server answers at its old address as well
// until ConfirmAddress.
func (s *Service) MoveServer(ctx context.Context, actor platform.Actor, wish platform.AddressWish) (AddressView, error) {
	view, err := s.CheckAddress(ctx, actor, wish)
	if err != nil {
		return view, err
	}
	if wish.Kind == platform.AddressDomain && !view.Leads && !wish.Anyway {
		return view, platform.Errorf(platform.Conflict, "address_not_here", "%s does not lead to this server yet. %s", view.Base, view.worst()).
			WithHint("Enter the records at the domain's provider, wait a few minutes, and try again; or say that you want it anyway. Nothing was changed.")
	}
	address, err := s.Settings.Move(ctx, wish, actor.Console)
	if err != nil {
		return view, err
	}
	text := "The server's address is " + address.Console
	if len(address.Former) > 0 {
		text += "; it answers at " + address.Former[0] + " as well until that is confirmed"
	}
	s.event(ctx, actor, platform.App{}, "server.address", text)
	view.ServerAddress, view.Arrived = address, arrived(actor, address)
	return view, nil
}

// ConfirmAddress lets go of the addresses that the server has left. Only who has come by the new one may, for that
// shows that it works; and root on the server itself.
func (s *Service) ConfirmAddress(ctx context.Context, actor platform.Actor) error {
	if err := s.mayServe(actor); err != nil {
		return err
	}
	address := s.Settings.Address()
	if len(address.Former) == 0 {
		return nil
	}
	if !arrived(actor, address) && actor.Via != platform.System().Via {
		return platform.Errorf(platform.Conflict, "address_not_reached", "You have come by the old address, so it is not known whether the new one works.").
			WithHint("Open %s first, and confirm it there.", address.Console)
	}
	if err := s.Settings.Confirm(ctx); err != nil {
		return err
	}
	s.event(ctx, actor, platform.App{}, "server.address", "The server answers at "+address.Console+" alone")
	return nil
}

func (s *Service) mayServe(actor platform.Actor) error {
	if !platform.Can(actor, platform.ActionServer, actor.AppID) {
		return forbidden()
	}
	if s.Settings == nil {
		return platform.Errorf(platform.Unavailable, "settings_missing", "The settings of this server cannot be changed from here.").
			WithHint("As root on the server: lugsail host settings")
	}
	return nil
}

func arrived(actor platform.Actor, address platform.ServerAddress) bool {
	return actor.Console == "console."+address.Base
}

func (v AddressView) worst() string {
	for _, n := range v.Names {
		if n.Needed && n.State != NameHere {
			return n.Sentence
		}
	}
	return ""
}

func (s *Service) lookAtAddress(ctx context.Context, actor platform.Actor, address platform.ServerAddress) AddressView {
	view := AddressView{ServerAddress: address, Arrived: arrived(actor, address), Leads: true}
	if address.Kind != platform.AddressDomain {
		return view
	}
	view.Names = s.lookAtNames(ctx, address)
	apex := false
	for _, n := range view.Names {
		view.Leads = view.Leads && (n.State == NameHere || !n.Needed)
		apex = apex || n.Host == address.Base && n.State == NameHere
	}
	view.Records = s.records(address, apex)
	return view
}

// lookAtNames asks the DNS. The star is asked for by a name that nobody has.
func (s *Service) lookAtNames(ctx context.Context, address platform.ServerAddress) []NameCheck {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	names := []NameCheck{
		{Host: "console." + address.Base, Needed: true}, {Host: "*." + address.Base, Needed: true}, {Host: address.Base},
	}
	var asking sync.WaitGroup
	for i := range names {
		asking.Go(func() {
			n := &names[i]
			ask := strings.Replace(n.Host, "*", "any-app-"+platform.NewID()[:8], 1)
			n.State, n.Sentence = s.lookAtName(ctx, address, n.Host, ask)
		})
	}
	asking.Wait()
	return names
}

func (s *Service) lookAtName(ctx context.Context, address platform.ServerAddress, host, ask string) (NameState, string) {
	if s.Resolve == nil {
		return NameUnknown, "This server cannot ask the DNS."
	}
	ips, err := s.Resolve(ctx, ask)
	var missing *net.DNSError
	switch {
	case err != nil && errors.As(err, &missing) && missing.IsNotFound, err == nil && len(ips) == 0:
		return NameNowhere, fmt.Sprintf("The DNS does not know %s yet.", host)
	case err != nil:
		return NameUnknown, fmt.Sprintf("The DNS gave no answer for %s.", host)
	}
	if slices.ContainsFunc(ips, func(ip netip.Addr) bool { return s.ownIP(address, ip.Unmap()) }) {
		return NameHere, host + " leads to this server."
	}
	if address.Private || !address.IP.IsValid() {
		return NameUnknown, fmt.Sprintf("%s leads to %s. This server does not know its public address, so it cannot tell whether that is the one.", host, ips[0].Unmap())
	}
	return NameElsewhere, fmt.Sprintf("%s leads to %s, which is another machine than this one (%s).", host, ips[0].Unmap(), address.IP)
}

func (s *Service) ownIP(address platform.ServerAddress, ip netip.Addr) bool {
	return ip == address.IP || slices.Contains(s.Addresses.IPs, ip)
}

// records are those to enter at the domain's provider. apex: the domain itself leads here already.
func (s *Service) records(address platform.ServerAddress, apex bool) []DNSRecord {
	star := "*." + address.Base
	const means = "for the console and every app"
	if address.Private || !address.IP.IsValid() {
		return []DNSRecord{{Type: "A", Name: star, Means: means + "; the value is this server's public address, which it does not know itself"}}
	}
	var all []DNSRecord
	seen := map[string]bool{}
	for _, ip := range append([]netip.Addr{address.IP}, s.Addresses.IPs...) {
		kind := "A"
		if ip.Is6() {
			kind = "AAAA"
		}
		if seen[kind] || !ip.IsValid() || ip.IsLoopback() {
			continue
		}
		seen[kind] = true
		all = append(all, DNSRecord{Type: kind, Name: star, Value: ip.String(), Means: means})
	}
	if apex {
		all = append(all, DNSRecord{Type: "CNAME", Name: star, Value: address.Base, Instead: true, Means: "for the same, as " + address.Base + " leads here already"})
	}
	return all
}
