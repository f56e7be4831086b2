// Package hook reads what Git hosts send to a webhook: who sent it, whether its signature holds,
// and which branches were pushed. It knows nothing of apps and does nothing.
//
// Nothing of a body is looked at before its signature holds, with one exception: Gitea signs
// the JSON that a form carries and not the form. Every comparison takes the same time whatever
// differs. The secret that Lugsail makes has the form of Standard Webhooks ("whsec_" and base64),
// because GitLab takes no other for signing; for all others it is plain text.
//
// What surprises: neither GitHub's nor anybody's signature but GitLab's new one covers the id of
// the delivery. A replay can come under a fresh id, or in the other content type, so what was signed
// is remembered by its digest. GitLab's covers the id, and the same push may well come again under
// another one: there the id belongs to the digest.
//
// A body may have 25 MB, and of that only a few names count: lists and texts are cut while they are
// decoded, so that reading one takes little more memory than the body itself.
package hook

import (
	"mime"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// MaxBody bounds a body, as GitHub does.
const MaxBody = 25 << 20

// The providers.
const (
	GitHub    = "github"
	GitLab    = "gitlab"
	Gitea     = "gitea" // and Forgejo and Gogs
	Bitbucket = "bitbucket"
)

// Request is a message as it came.
type Request struct {
	Header func(name string) string // a header that stands there once; "" otherwise
	Body   []byte
	Now    time.Time
}

// Message is what a signed body says.
type Message struct {
	Provider     string
	Event        string
	Key          string // the provider's id of the delivery
	Digest       string // of what was signed; "" where nothing is
	Ping         bool
	Default      string   // the repository's default branch; "" where the message does not say it
	Repositories []string // addresses of the repository
	Pushes       []Push
}

// Push is one ref that was moved.
type Push struct {
	Branch  string // without refs/heads/; "" for what is not a branch
	Tag     bool
	Deleted bool
	Commit  string
	Title   string
}

// ErrUnsigned is the answer to everything that does not prove that it knows the secret.
var ErrUnsigned = platform.Errorf(platform.Unauthenticated, "webhook_refused", "This delivery is not accepted.").
	WithHint("The address or the secret is not right. Both are shown by: lugsail webhooks on")

// ErrType refuses a body of another type than JSON or a form.
var ErrType = platform.Errorf(platform.Invalid, "webhook_type", "A webhook sends JSON or a form.").
	WithHint("Choose the content type application/json where the webhook is configured.")

// Provider tells who sends: Gitea calls itself GitHub and Gogs too, for those who know it under these names.
func Provider(header func(string) string) string {
	for _, known := range []struct{ header, provider string }{
		{"X-Forgejo-Event", Gitea},
		{"X-Gitea-Event", Gitea},
		{"X-Gogs-Event", Gitea},
		{"X-Gitlab-Event", GitLab},
		{"X-Github-Event", GitHub},
		{"X-Event-Key", Bitbucket},
	} {
		if header(known.header) != "" {
			return known.provider
		}
	}
	return ""
}

// CheckType refuses what is neither JSON nor a form.
func CheckType(header func(string) string) error {
	if kindOf(header) == "" {
		return ErrType
	}
	return nil
}

func kindOf(header func(string) string) string {
	t, _, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil || t != "application/json" && t != "application/x-www-form-urlencoded" {
		return ""
	}
	return t
}

// Read checks the signature and reads the message. Errors: ErrType, ErrUnsigned, or Invalid
// webhook_unreadable for a signed body that is not what its provider sends.
func Read(r Request, secret string) (Message, error) {
	kind := kindOf(r.Header)
	if kind == "" {
		return Message{}, ErrType
	}
	m := Message{Provider: Provider(r.Header)}
	payload := r.Body
	if kind != "application/json" {
		payload = payloadOf(r.Body)
	}
	signed, ok := verify(m.Provider, r, payload, []byte(secret))
	if !ok {
		return m, ErrUnsigned
	}
	if signed != nil {
		m.Digest = digest(signed)
	}
	m.Event, m.Key = event(m.Provider, r.Header), key(m.Provider, r.Header)
	if err := m.read(payload); err != nil {
		return m, platform.Errorf(platform.Invalid, "webhook_unreadable", "The body of this delivery cannot be read.").
			WithHint("It is not the JSON that %s sends for the event %q.", m.Provider, m.Event).Because(err)
	}
	return m, nil
}

func event(provider string, header func(string) string) string {
	names := map[string][]string{
		GitHub: {"X-Github-Event"}, GitLab: {"X-Gitlab-Event"}, Bitbucket: {"X-Event-Key"},
		Gitea: {"X-Forgejo-Event", "X-Gitea-Event", "X-Gogs-Event"},
	}
	return first(header, names[provider])
}

func key(provider string, header func(string) string) string {
	names := map[string][]string{
		GitHub: {"X-Github-Delivery"}, GitLab: {"Idempotency-Key", "Webhook-Id", "X-Gitlab-Event-Uuid"}, Bitbucket: {"X-Request-Uuid", "X-Request-Id"},
		Gitea: {"X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery"},
	}
	return first(header, names[provider])
}

func first(header func(string) string, names []string) string {
	for _, name := range names {
		if v := header(name); v != "" {
			return text(v).line(100)
		}
	}
	return ""
}

func (m *Message) read(payload []byte) error {
	switch m.Provider {
	case GitHub:
		return m.readGitHub(payload)
	case Gitea:
		return m.readGitHub(payload) // which they took the form from
	case GitLab:
		return m.readGitLab(payload)
	default:
		return m.readBitbucket(payload)
	}
}
