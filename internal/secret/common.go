package secret

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed common.txt
var commonText string

// commonWords are what people choose most, lower case, and what attackers try first.
var commonWords = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	for word := range strings.FieldsSeq(commonText) {
		words[word] = true
	}
	return words
})

// maxDecoration is how many digits and signs around a common word still make a common password.
const maxDecoration = 6

var unleet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// Common reports whether the password is a common one, or one with the usual ornaments: digits
// and signs around it, letters that look like digits, repetition, a run of neighbours.
func (p *Passwords) Common(password string) bool {
	lower := strings.ToLower(password)
	words := commonWords()
	if words[lower] || words[unleet.Replace(lower)] || isRun(lower) {
		return true
	}
	if unit := repeated(lower); unit != "" && (len(unit) <= 4 || words[unit]) {
		return true
	}
	core := strings.TrimFunc(lower, func(r rune) bool { return r < 'a' && r != '@' && r != '$' || r > 'z' && r < 0x80 })
	if len(core) < 4 || len(lower)-len(core) > maxDecoration {
		return false
	}
	return words[core] || words[unleet.Replace(core)] || repeated(core) != "" && words[repeated(core)]
}

// isRun knows aaaa, 1234 and dcba: every character at the same distance of 0 or 1 from the one before.
func isRun(s string) bool {
	runes := []rune(s)
	if len(runes) < 3 {
		return true
	}
	step := runes[1] - runes[0]
	for i := 2; i < len(runes); i++ {
		if runes[i]-runes[i-1] != step {
			return false
		}
	}
	return step >= -1 && step <= 1
}

// repeated gives the shortest unit that s is made of, or "" when s repeats nothing.
func repeated(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return ""
}
