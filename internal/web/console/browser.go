package console

import "strings"

// Words in user agents, the most telling first: every browser claims to be several.
var (
	programs = [][2]string{
		{"lugsail/", "Lugsail's command line"},
		{"curl/", "curl"},
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"Chrome/", "Chrome"},
		{"CriOS/", "Chrome"},
		{"Safari/", "Safari"},
	}
	systems = [][2]string{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	}
)

// browser says what a user agent is, for people: "Firefox on Linux".
func browser(agent string) string {
	program, system := match(programs, agent), match(systems, agent)
	switch {
	case program == "" && agent == "":
		return "A browser that gives no name"
	case program == "":
		return agent
	case system == "":
		return program
	}
	return program + " on " + system
}

func match(words [][2]string, agent string) string {
	for _, w := range words {
		if strings.Contains(agent, w[0]) {
			return w[1]
		}
	}
	return ""
}
