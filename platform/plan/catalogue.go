// Package plan owns the catalogue of plans and the ledger of what the machine has promised.
//
// A plan is a promise of memory: the sum of all promises never exceeds what the
// machine can give, so that no app pays for another one's growth. CPU is shared
// by weight and capped by quota; disk and transfer are caps, not promises.
package plan

import (
	"strings"

	"github.com/lugsail/lugsail/platform"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
	gb  = int64(1e9)
	tb  = int64(1e12)
)

// Catalogue gives all plans, the smallest first. Memory, CPU and price labels are
// those of Amazon Lightsail's instance bundles and Fargate's ratio of 0.5 vCPU a GB.
func Catalogue() []platform.Plan {
	return []platform.Plan{
		{Name: "pico", Memory: 256 * mib, CPU: 0.125, CPUBurst: 0.5, PIDs: 128, Disk: 5 * gb, Transfer: tb / 4, MonthlyDollar: 2.5},
		{Name: "nano", Memory: 512 * mib, CPU: 0.25, CPUBurst: 1, PIDs: 256, Disk: 20 * gb, Transfer: tb, MonthlyDollar: 5},
		{Name: "micro", Memory: gib, CPU: 0.5, CPUBurst: 2, PIDs: 512, Disk: 40 * gb, Transfer: 2 * tb, MonthlyDollar: 7},
		{Name: "small", Memory: 2 * gib, CPU: 1, CPUBurst: 2, PIDs: 1024, Disk: 60 * gb, Transfer: 3 * tb, MonthlyDollar: 12},
		{Name: "medium", Memory: 4 * gib, CPU: 2, CPUBurst: 2, PIDs: 2048, Disk: 80 * gb, Transfer: 4 * tb, MonthlyDollar: 24},
		{Name: "large", Memory: 8 * gib, CPU: 4, CPUBurst: 4, PIDs: 4096, Disk: 160 * gb, Transfer: 5 * tb, MonthlyDollar: 44},
		{Name: "xlarge", Memory: 16 * gib, CPU: 8, CPUBurst: 8, PIDs: 8192, Disk: 320 * gb, Transfer: 6 * tb, MonthlyDollar: 84},
		{Name: "2xlarge", Memory: 32 * gib, CPU: 16, CPUBurst: 16, PIDs: 16384, Disk: 640 * gb, Transfer: 7 * tb, MonthlyDollar: 164},
	}
}

// Databases gives the plans of add-ons, the smallest first. From db-micro on memory, CPU, disk, transfer and price
// labels are those of Amazon Lightsail's databases; it has none so small as the two before.
func Databases() []platform.Plan {
	return []platform.Plan{
		{Addon: true, Name: "db-pico", Memory: 256 * mib, CPU: 0.125, CPUBurst: 0.5, PIDs: 128, Disk: 5 * gb, Transfer: tb / 10, MonthlyDollar: 4},
		{Addon: true, Name: "db-nano", Memory: 512 * mib, CPU: 0.25, CPUBurst: 1, PIDs: 256, Disk: 10 * gb, Transfer: tb / 10, MonthlyDollar: 7},
		{Addon: true, Name: "db-micro", Memory: gib, CPU: 0.5, CPUBurst: 2, PIDs: 512, Disk: 40 * gb, Transfer: tb / 10, MonthlyDollar: 15},
		{Addon: true, Name: "db-small", Memory: 2 * gib, CPU: 1, CPUBurst: 2, PIDs: 1024, Disk: 80 * gb, Transfer: tb / 10, MonthlyDollar: 30},
		{Addon: true, Name: "db-medium", Memory: 4 * gib, CPU: 2, CPUBurst: 2, PIDs: 2048, Disk: 120 * gb, Transfer: tb / 10, MonthlyDollar: 60},
		{Addon: true, Name: "db-large", Memory: 8 * gib, CPU: 4, CPUBurst: 4, PIDs: 4096, Disk: 240 * gb, Transfer: tb / 5, MonthlyDollar: 115},
	}
}

// Of gives the plans that an app can have, or an add-on, the smallest first.
func Of(addon bool) []platform.Plan {
	if addon {
		return Databases()
	}
	return Catalogue()
}

// Default is the plan of an app that asks for none, when it fits; DefaultAddon that of an add-on.
const (
	Default      = "micro"
	DefaultAddon = "db-nano"
)

// ByName finds a plan of an app or an add-on. The error names all that there are.
func ByName(name string) (platform.Plan, error) {
	return among(append(Catalogue(), Databases()...), name, "")
}

// Choose finds a plan that an app, or an add-on, can be given. Add-ons of before there were plans of their own keep
// the one that they have.
func Choose(name string, addon bool) (platform.Plan, error) {
	what := ""
	if p, err := ByName(name); err == nil && p.Addon != addon {
		if what = " for an add-on"; p.Addon {
			what = " for an app"
		}
	}
	return among(Of(addon), name, what)
}

func among(all []platform.Plan, name, what string) (platform.Plan, error) {
	names := make([]string, 0, len(all))
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return platform.Plan{}, platform.Errorf(platform.Invalid, "plan_unknown", "There is no plan %q%s.", short(name), what).
		WithHint("Choose one of %s.", strings.Join(names, ", "))
}

// Larger is the name of the plan with more memory; an unknown one has none.
func Larger(a, b string) string {
	one, _ := ByName(a)
	other, _ := ByName(b)
	if other.Memory > one.Memory {
		return b
	}
	return a
}

func short(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
