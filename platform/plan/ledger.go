package plan

import (
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Capacity is what the machine has and what is promised of it, in bytes of memory.
type Capacity struct {
	Memory   int64 `json:"memory"`   // of the machine
	Reserved int64 `json:"reserved"` // kept for the system and Lugsail
	Promised int64 `json:"promised"` // plans of all apps × their replicas
	Free     int64 `json:"free"`     // never below 0
	CPUs     int   `json:"cpus"`
}

// Offer is a plan with how often it still fits.
type Offer struct {
	Plan    platform.Plan `json:"plan"`
	Fits    int           `json:"fits"`
	Limited bool          `json:"limited"` // the machine has fewer cores than the plan may use
}

// Promise is the memory that an app's plan and scale promise.
func Promise(app platform.App) int64 {
	p, err := ByName(app.Plan)
	if err != nil || app.State != platform.AppActive && app.State != "" {
		return 0
	}
	return p.Memory * int64(replicas(app.Scale))
}

func replicas(scale platform.Scale) int {
	n := scale.Of(platform.WebProcess)
	for t, count := range scale {
		if t != platform.WebProcess {
			n += count
		}
	}
	return n
}

// Measure sums the promises of apps on a machine with that much memory.
// The reserve is 384 MiB or a tenth, whichever is more.
func Measure(memory int64, cpus int, apps []platform.App) Capacity {
	c := Capacity{Memory: memory, CPUs: cpus, Reserved: max(384*mib, memory/10)}
	for _, app := range apps {
		c.Promised += Promise(app)
	}
	c.Free = max(0, memory-c.Reserved-c.Promised)
	return c
}

// Offers tells for each plan of apps, or of add-ons, how many more of it fit.
func (c Capacity) Offers(addon bool) []Offer {
	var offers []Offer
	for _, p := range Of(addon) {
		offers = append(offers, Offer{Plan: p, Fits: int(c.Free / p.Memory), Limited: p.CPUBurst > float64(c.CPUs)})
	}
	return offers
}

// Largest is the largest plan of its kind up to the wanted one that fits once more; the smallest plan when none does.
func (c Capacity) Largest(upTo string) platform.Plan {
	wanted, _ := ByName(upTo) // an unknown one is none of an add-on
	best := Of(wanted.Addon)[0]
	for _, p := range Of(wanted.Addon) {
		if p.Memory <= c.Free {
			best = p
		}
		if p.Name == upTo {
			break
		}
	}
	return best
}

// Proposed is the plan of an app or an add-on that asks for none: the default as far as it fits, and where it runs well
// from a plan on, that one.
func (c Capacity) Proposed(addon bool, least string) string {
	if p, err := ByName(least); err == nil && p.Addon == addon {
		return least
	}
	if addon {
		return c.Largest(DefaultAddon).Name
	}
	return c.Largest(Default).Name
}

// Admit refuses a change of one app from what it was to what it shall be, when the
// machine's memory does not suffice. Shrinking is always admitted. was is the zero App for a new one.
func (c Capacity) Admit(was, wanted platform.App) error {
	more := Promise(wanted) - Promise(was)
	if more <= 0 || more <= c.Free {
		return nil
	}
	p, _ := ByName(wanted.Plan) // Promise was positive, so the plan exists
	return platform.Errorf(platform.NoRoom, "does_not_fit",
		"%s of plan %s would need %s more memory; this server has %s free.",
		count(replicas(wanted.Scale)), p.Name, Bytes(more), Bytes(c.Free)).
		WithHint("%s", advice(p.Addon, c.Free+Promise(was), replicas(wanted.Scale)))
}

func advice(addon bool, room int64, n int) string {
	fits := largest(addon, room, n)
	if fits == "" {
		return "Make room first: scale another app down, choose a smaller plan for it, or destroy one that is not needed."
	}
	return fmt.Sprintf("The largest plan that fits is %s. Or make room: give another app a smaller plan.", fits)
}

func count(n int) string {
	if n == 1 {
		return "1 replica"
	}
	return fmt.Sprintf("%d replicas", n)
}

// Bytes writes a size of memory for people: "512 MB", "1.5 GB" (of 1024, as memory is sold).
func Bytes(n int64) string {
	if n < gib {
		return fmt.Sprintf("%d MB", n/mib)
	}
	if n%gib == 0 {
		return fmt.Sprintf("%d GB", n/gib)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/float64(gib))
}
