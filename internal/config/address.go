package config

import (
	"fmt"
	"slices"
	"strings"
)

// mostFormer bounds how many domains a server answers below that it has left.
const mostFormer = 5

func setSuffix(c *Config, v string) error {
	if v == Off {
		c.Suffix = v
		return nil
	}
	return host("", "", "", func(c *Config) *string { return &c.Suffix }).set(c, v)
}

func setFormer(c *Config, v string) error {
	c.Former = nil
	for part := range strings.SplitSeq(v, ",") {
		part = strings.ToLower(strings.TrimSpace(part))
		if part == "" || slices.Contains(c.Former, part) {
			continue
		}
		if part != Local && (len(part) > 200 || !hostName.MatchString(part)) {
			return fmt.Errorf("must be domains such as apps.example.com, with commas between")
		}
		c.Former = append(c.Former, part)
	}
	if len(c.Former) > mostFormer {
		return fmt.Errorf("must be %d domains at most", mostFormer)
	}
	return nil
}

// Leave are the settings of a server that answers as next says, and below its domains of before as well, until
// that is confirmed. Below asked somebody is here, so that it certainly leads here; an address that was never
// confirmed may not.
func (c Config) Leave(next map[string]string, asked string) map[string]string {
	kept := []string{}
	if slices.Contains(c.Bases(), asked) {
		kept = append(kept, asked)
	}
	if len(c.Former) > 0 {
		kept = append(kept, c.Former...)
	} else {
		kept = append(kept, c.own()...)
	}
	var former []string
	for _, base := range kept {
		if !slices.Contains(former, base) && len(former) < mostFormer {
			former = append(former, base)
		}
	}
	all := map[string]string{"former_domains": strings.Join(former, ",")}
	for name, value := range next {
		all[name] = value
	}
	return all
}

// Moving reports whether the server answers at addresses that it has left.
func (c Config) Moving() bool { return len(c.Former) > 0 }
