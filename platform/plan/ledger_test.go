package plan_test

import (
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

const gib = int64(1) << 30

func app(planName string, web int) platform.App {
	return platform.App{State: platform.AppActive, Plan: planName, Scale: platform.Scale{"web": web}}
}

func TestMeasure_SumsPlansTimesReplicas(t *testing.T) {
	c := plan.Measure(4*gib, 2, []platform.App{app("micro", 1), app("nano", 2), {State: platform.AppDestroying, Plan: "large"}})
	if c.Promised != 2*gib {
		t.Errorf("promised %s, want 2 GB", plan.Bytes(c.Promised))
	}
	if want := 4*gib/10 + 0; c.Reserved != want {
		t.Errorf("reserved %d, want a tenth (%d)", c.Reserved, want)
	}
	if c.Free != 4*gib-c.Reserved-2*gib {
		t.Errorf("free %d does not add up", c.Free)
	}
}

func TestMeasure_SmallMachineKeeps384MB(t *testing.T) {
	c := plan.Measure(gib, 1, nil)
	if c.Free != 640<<20 {
		t.Errorf("a 1 GB machine offers %s, want 640 MB", plan.Bytes(c.Free))
	}
	if got := c.Largest(plan.Default).Name; got != "nano" {
		t.Errorf("the default on a 1 GB machine is %s, want nano", got)
	}
}

func TestOffers_TellWhereCoresLimit(t *testing.T) {
	for _, o := range plan.Measure(64*gib, 2, nil).OffersOf(1) {
		if want := o.Plan.CPUBurst > 2; o.Limited != want {
			t.Errorf("%s, which may use %g cores, on 2: limited %t", o.Plan.Name, o.Plan.CPUBurst, o.Limited)
		}
	}
}

func TestAdmit(t *testing.T) {
	none := platform.App{State: platform.AppDestroying}
	c := plan.Measure(2*gib, 2, []platform.App{app("nano", 1)})
	for _, test := range []struct {
		name        string
		was, wanted platform.App
		hint        string // "" means admitted
	}{
		{"fits", none, app("micro", 1), ""},
		{"three replicas do not", none, app("micro", 3), "largest plan that fits is pico"},
		{"shrinking always", app("medium", 4), app("medium", 3), ""},
		{"growing within the own room", app("nano", 1), app("micro", 1), ""},
		{"nothing fits twenty times", none, app("nano", 20), "Make room first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := c.Admit(test.was, test.wanted)
			if test.hint == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if !platform.IsKind(err, platform.NoRoom) || !strings.Contains(platform.AsError(err).Hint, test.hint) {
				t.Fatalf("got %v (hint %q), want no room and %q", err, platform.AsError(err).Hint, test.hint)
			}
		})
	}
}

func TestCatalogue_GrowsInEveryColumn(t *testing.T) {
	all := plan.Catalogue()
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if b.Memory != 2*a.Memory || b.CPU <= a.CPU || b.CPUBurst < a.CPUBurst || b.PIDs < a.PIDs || b.Disk <= a.Disk || b.Transfer <= a.Transfer || b.MonthlyDollar <= a.MonthlyDollar {
			t.Errorf("%s does not grow on %s", b.Name, a.Name)
		}
	}
	if _, err := plan.ByName("huge"); !platform.IsKind(err, platform.Invalid) || !strings.Contains(platform.AsError(err).Hint, "2xlarge") {
		t.Errorf("an unknown plan must name those that exist: %v", err)
	}
}

func TestChoose_AppsAndAddonsHavePlansOfTheirOwn(t *testing.T) {
	for _, test := range []struct {
		name  string
		addon bool
		says  string // "" means that it can be given
	}{
		{"nano", false, ""},
		{"db-nano", true, ""},
		{"db-nano", false, `There is no plan "db-nano" for an app.`},
		{"nano", true, `There is no plan "nano" for an add-on.`},
		{"tiny", true, `There is no plan "tiny".`},
	} {
		p, err := plan.Choose(test.name, test.addon)
		if test.says == "" {
			if err != nil || p.Name != test.name || p.Addon != test.addon {
				t.Errorf("%s: %+v, %v", test.name, p, err)
			}
			continue
		}
		if e := platform.AsError(err); e.Message != test.says || e.Code != "plan_unknown" || strings.Contains(e.Hint, "db-") != test.addon {
			t.Errorf("%s: %s %s", test.name, e.Message, e.Hint)
		}
	}
}

func TestProposed(t *testing.T) {
	small, tight := plan.Measure(4*gib, 2, nil), plan.Measure(gib, 1, []platform.App{app("pico", 1)})
	for _, test := range []struct {
		on    plan.Capacity
		addon bool
		least string
		want  string
	}{
		{small, false, "", "micro"},
		{small, true, "", "db-nano"},
		{small, true, "db-pico", "db-pico"},
		{small, false, "small", "small"},
		{tight, false, "", "pico"},
		{tight, true, "", "db-pico"},
		{tight, false, "micro", "micro"},
		{small, true, "micro", "db-nano"},
	} {
		if got := test.on.Proposed(test.addon, test.least); got != test.want {
			t.Errorf("add-on %t, least %q: %s and not %s", test.addon, test.least, got, test.want)
		}
	}
}
