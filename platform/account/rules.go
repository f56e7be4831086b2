package account

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lugsail/lugsail/platform"
)

// The length of passwords, in characters.
const (
	MinPassword = 10
	MaxPassword = 256
)

// NormalEmail gives the one form in which an address is kept: lower case, without spaces
// around. Invalid, code email_invalid, when it is no address.
func NormalEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	parsed, err := mail.ParseAddress(email)
	local, domain, ok := strings.Cut(email, "@")
	plain := ok && local != "" && domain != "" && !strings.ContainsAny(email, " \"<>()[]\\,;:") && !strings.ContainsFunc(email, unicode.IsControl)
	if err != nil || parsed.Address != email || !plain || len(email) > 254 {
		return "", platform.Errorf(platform.Invalid, "email_invalid", "That is not an e-mail address.").
			WithHint("Give one such as ada@example.com. Lugsail sends no mail to it; it is the name to sign in with.")
	}
	return email, nil
}

// checkPassword holds the rules for new passwords.
func (s *Service) checkPassword(password, email string) error {
	n := utf8.RuneCountInString(password)
	local, _, _ := strings.Cut(email, "@")
	lower := strings.ToLower(password)
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return platform.Errorf(platform.Invalid, "password_invalid", "The password holds bytes that are not text.")
	case n < MinPassword:
		return platform.Errorf(platform.Invalid, "password_short", "The password has %d characters; it needs %d at least.", n, MinPassword).
			WithHint("A few words in a row are easy to remember and hard to guess.")
	case n > MaxPassword:
		return platform.Errorf(platform.Invalid, "password_long", "The password has more than %d characters.", MaxPassword)
	case lower == email || strings.TrimRight(lower, "0123456789!") == local:
		return platform.Errorf(platform.Invalid, "password_guessable", "The password is your e-mail address.").
			WithHint("Choose one that nobody can guess from knowing you.")
	case s.Passwords.Common(password):
		return platform.Errorf(platform.Invalid, "password_common", "That password is among the first that attackers try.").
			WithHint("A few words in a row are easy to remember and hard to guess.")
	}
	return nil
}
