package console

import "strings"

// inBrowser writes a blueprint's pattern as browsers want it, which read classes more strictly (the v flag of
// ECMAScript): what stands for itself in one is escaped. A pattern with more than both know is "": the server looks.
func inBrowser(pattern string) string {
	for _, own := range []string{"(?", "[:", `\p`, `\P`, `\A`, `\z`, `\Q`, `\C`, `\x{`} {
		if strings.Contains(pattern, own) {
			return ""
		}
	}
	var out strings.Builder
	class := -1 // where the class began whose end is not read yet
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\' && i+1 < len(pattern):
			out.WriteByte(c)
			i++
			c = pattern[i]
		case class < 0 && c == '[':
			class = i
		case class >= 0 && c == ']' && !classBegins(pattern, class, i):
			class = -1
		case class >= 0 && (strings.IndexByte("()[]{}/|&", c) >= 0 || c == '-' && (classBegins(pattern, class, i) || strings.HasPrefix(pattern[i+1:], "]"))):
			out.WriteByte('\\')
		}
		out.WriteByte(c)
	}
	return out.String()
}

// classBegins reports whether nothing of the class stands before i, but perhaps its ^.
func classBegins(pattern string, class, i int) bool {
	return i == class+1 || i == class+2 && pattern[class+1] == '^'
}
