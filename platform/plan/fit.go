package plan

import "github.com/lugsail/lugsail/platform"

// Fit tells what a change of one app promises, and whether the machine can give it. Bytes of memory.
type Fit struct {
	Fits    bool   `json:"fits"`
	More    int64  `json:"more"`    // in addition to what is promised now; below 0 it gives back
	Free    int64  `json:"free"`    // before the change
	Left    int64  `json:"left"`    // after it; 0 when it does not fit
	Largest string `json:"largest"` // the largest plan that so many replicas can have; "" when none fits
	Most    int    `json:"most"`    // as many replicas of the wanted plan as the machine can give
}

// Fit looks at a change as Admit does, before anybody asks for it. was is the zero App for a new one.
func (c Capacity) Fit(was, wanted platform.App) Fit {
	p, err := ByName(wanted.Plan)
	if err != nil {
		return Fit{Free: c.Free, Left: c.Free}
	}
	n, room := replicas(wanted.Scale), c.Free+Promise(was)
	f := Fit{More: Promise(wanted) - Promise(was), Free: c.Free, Largest: largest(p.Addon, room, n), Most: min(int(room/p.Memory), platform.MaxAppReplicas)}
	f.Fits = f.More <= 0 || f.More <= c.Free
	f.Left = max(0, c.Free-f.More)
	return f
}

// OffersOf tells for each plan of apps, then of add-ons, how often that many replicas of it fit.
func (c Capacity) OffersOf(n int) []Offer {
	offers := append(c.Offers(false), c.Offers(true)...)
	for i := range offers {
		offers[i].Fits /= max(1, n)
	}
	return offers
}

func largest(addon bool, room int64, n int) (name string) {
	for _, p := range Of(addon) {
		if p.Memory*int64(n) <= room {
			name = p.Name
		}
	}
	return name
}
