// Package addon owns what databases and caches give to apps: which config vars a binding brings, and who reaches
// which add-on.
//
// An add-on is an app of a kind of its own. It has deployments, logs, metrics, a volume and a place in the trash
// as any app does; what makes it an add-on is that others are bound to it, and that its blueprint says what they get.
//
// What surprises: a binding brings what the release that serves of the add-on was started with, not its newest
// config vars. While a new password is on its way, or when it failed, the old one is the one that logs in.
package addon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// Store keeps add-ons and bindings.
type Store interface {
	Bindings(ctx context.Context) ([]platform.Binding, error)
	AppByID(ctx context.Context, id string) (platform.App, error)
	ConfigVars(ctx context.Context, appID string) (map[string]string, error)
	ReleaseByNumber(ctx context.Context, appID string, number int) (platform.Release, error)
}

// Blueprints tells what add-ons are made of.
type Blueprints interface {
	Blueprint(name string) (platform.Blueprint, error)
}

// Service tells what add-ons bring.
type Service struct {
	Store      Store
	Blueprints Blueprints
}

// Bound gives the config vars of an app that its add-ons bring; none where there are no add-ons, in the nil Service.
func (s *Service) Bound(ctx context.Context, appID string) (map[string]string, error) {
	if s == nil {
		return nil, nil
	}
	all, err := s.Store.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	vars := map[string]string{}
	for _, b := range all {
		if b.AppID != appID {
			continue
		}
		brings, err := s.Brings(ctx, b)
		if err != nil {
			return nil, err
		}
		maps.Copy(vars, brings)
	}
	return vars, nil
}

// Brings gives the config vars of one binding.
func (s *Service) Brings(ctx context.Context, b platform.Binding) (map[string]string, error) {
	a, err := s.Store.AppByID(ctx, b.AddonID)
	if err != nil {
		return nil, fmt.Errorf("reading an add-on: %w", err)
	}
	blueprint, err := s.Blueprints.Blueprint(a.Blueprint)
	if err != nil {
		return nil, err
	}
	vars, err := s.serving(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("reading what the add-on %s brings: %w", a.Name, err)
	}
	return b.Bound(blueprint.Gives, valuesOf(a, vars))
}

// valuesOf is what the placeholders of a blueprint stand for.
func valuesOf(a platform.App, vars map[string]string) map[string]string {
	values := map[string]string{"host": a.Name, "app": a.Name}
	for name, value := range vars {
		values[strings.ToLower(name)] = value
	}
	return values
}

// Part is one of the things that a bound app gets, by its name without the binding's beginning: HOST, PASSWORD.
type Part struct {
	Name   string
	Value  string // "" of a secret that is not revealed
	Secret bool   // it holds what the blueprint does not say itself: a password
}

// Parts gives what bound apps get of an add-on; its secrets when they are to be revealed.
func (s *Service) Parts(ctx context.Context, a platform.App, reveal bool) ([]Part, error) {
	blueprint, err := s.Blueprints.Blueprint(a.Blueprint)
	if err != nil {
		return nil, err
	}
	vars, err := s.serving(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("reading what the add-on %s brings: %w", a.Name, err)
	}
	all, public := valuesOf(a, vars), map[string]string{}
	for name, text := range blueprint.Config {
		if vars[name] == text {
			public[name] = text
		}
	}
	known := valuesOf(a, public)
	var parts []Part
	for _, name := range slices.SortedFunc(maps.Keys(blueprint.Gives), byUse) {
		value, err := platform.Fill(blueprint.Gives[name], known)
		part := Part{Name: name, Value: value, Secret: err != nil}
		if part.Secret && reveal {
			if part.Value, err = platform.Fill(blueprint.Gives[name], all); err != nil {
				return nil, err
			}
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// byUse puts what people look for first.
func byUse(a, b string) int {
	order := []string{"HOST", "PORT", "NAME", "USER", "PASSWORD", "URL"}
	place := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	return cmp.Or(place(a)-place(b), strings.Compare(a, b))
}

func (s *Service) serving(ctx context.Context, a platform.App) (map[string]string, error) {
	if a.CurrentRelease == 0 {
		return s.Store.ConfigVars(ctx, a.ID)
	}
	r, err := s.Store.ReleaseByNumber(ctx, a.ID, a.CurrentRelease)
	return r.ConfigVars, err
}

// Sum tells sets of config vars apart, without their values.
func Sum(vars map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		_, _ = fmt.Fprintf(h, "%d %s %d %s", len(name), name, len(vars[name]), vars[name]) // a hash takes all
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// LinksOf gives the add-ons of an app, with all who reach each of them; of an add-on, itself.
func (s *Service) LinksOf(ctx context.Context, id string) ([]platform.Link, error) {
	all, err := s.Store.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	var links []platform.Link
	add := func(addonID string) error {
		a, err := s.Store.AppByID(ctx, addonID)
		if err != nil {
			return fmt.Errorf("reading an add-on: %w", err)
		}
		link := platform.Link{AddonID: a.ID, Name: a.Name}
		for _, b := range all {
			if b.AddonID != addonID {
				continue
			}
			app, err := s.Store.AppByID(ctx, b.AppID)
			if err != nil {
				return fmt.Errorf("reading an app: %w", err)
			}
			if app.State == platform.AppActive || app.ID == id {
				link.Apps = append(link.Apps, app.ID)
			}
		}
		links = append(links, link)
		return nil
	}
	own, err := s.Store.AppByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if own.Addon {
		err := add(id)
		return links, err
	}
	for _, b := range all {
		if b.AppID == id {
			if err := add(b.AddonID); err != nil {
				return nil, err
			}
		}
	}
	return links, nil
}
