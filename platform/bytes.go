package platform

import (
	"fmt"
	"strings"
)

// Bytes says a number of bytes to people: "512 bytes", "1.4 GB", "20 GB". Units are of 1024, as plans are.
func Bytes(n int64) string {
	value, unit := float64(n), "bytes"
	for _, next := range []string{"KB", "MB", "GB", "TB"} {
		if value < 1023.5 { // else it would be said as 1024
			break
		}
		value, unit = value/1024, next
	}
	if unit == "bytes" && n == 1 {
		return "1 byte"
	}
	if value >= 99.95 {
		return fmt.Sprintf("%.0f %s", value, unit)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + unit
}
