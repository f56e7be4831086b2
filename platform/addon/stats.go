package addon

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lugsail/lugsail/platform"
)

// StatsProgram tells, in an add-on's image, how the add-on is: lines of a name, a tab and a number; "query" has the
// number of calls, the mean and the longest time in milliseconds, and the text.
const StatsProgram = "/lugsail/stats"

// Stats is how an add-on is at a moment.
type Stats struct {
	Bytes          int64  // of its data
	MaxBytes       int64  // that it keeps at most; 0: no limit of its own beside the plan's
	Connections    int64  // to it
	MaxConnections int64  // that it takes
	SlowOver       int64  // milliseconds from which on a query is slow
	Slow           *int64 // queries since it started that were slow; nil where it keeps which instead of how many
	Queries        []Query
}

// Query is one that was slow.
type Query struct {
	Text    string // without the values
	Calls   int64
	Mean    int64 // milliseconds
	Longest int64 // milliseconds
}

const (
	maxQueries   = 10
	maxQueryText = 200 // characters
)

// ParseStats reads what StatsProgram says. What it does not know it passes over: an image may be newer.
func ParseStats(text []byte) (Stats, error) {
	var s Stats
	places := map[string]*int64{"bytes": &s.Bytes, "bytes-max": &s.MaxBytes, "connections": &s.Connections, "connections-max": &s.MaxConnections, "slow-over": &s.SlowOver, "slow": new(int64)}
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), "\t")
		if name == "query" {
			if q, ok := parseQuery(rest); ok && len(s.Queries) < maxQueries {
				s.Queries = append(s.Queries, q)
			}
			continue
		}
		place, known := places[name]
		if !known {
			continue
		}
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil || n < 0 {
			return Stats{}, unreadable()
		}
		*place, seen[name] = n, true
	}
	if lines.Err() != nil || !seen["bytes"] || !seen["connections"] || !seen["connections-max"] {
		return Stats{}, unreadable()
	}
	if seen["slow"] {
		s.Slow = places["slow"]
	}
	return s, nil
}

func parseQuery(text string) (Query, bool) {
	parts := strings.SplitN(text, "\t", 4)
	if len(parts) != 4 {
		return Query{}, false
	}
	var numbers [3]int64
	for i := range numbers {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil || n < 0 {
			return Query{}, false
		}
		numbers[i] = n
	}
	said := []rune(strings.ToValidUTF8(parts[3], string(utf8.RuneError)))
	return Query{Text: string(said[:min(len(said), maxQueryText)]), Calls: numbers[0], Mean: numbers[1], Longest: numbers[2]}, true
}

func unreadable() error {
	return platform.Errorf(platform.Unavailable, "addon_stats_unreadable", "What the add-on says of itself cannot be read.")
}
