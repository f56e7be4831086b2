package hook

import "strings"

// most is how many refs or commits of a message are looked at. A list goes into an array of that size:
// what is more is passed over and takes no memory.
const most = 100

const (
	heads  = "refs/heads/"
	tags   = "refs/tags/"
	nobody = "0000000000000000000000000000000000000000"
)

// moved makes a push of a ref and where it stands now.
func moved(ref, commit text) Push {
	p := Push{Commit: commit.line(64), Tag: strings.HasPrefix(string(ref), tags)}
	if branch, ok := strings.CutPrefix(string(ref), heads); ok {
		p.Branch = text(branch).line(200)
	}
	p.Deleted = commit == "" || strings.HasPrefix(string(commit), nobody)
	return p
}

func (m *Message) add(addresses ...text) {
	for _, a := range addresses {
		if a != "" && len(a) <= 500 && len(m.Repositories) < 10 {
			m.Repositories = append(m.Repositories, a.line(500))
		}
	}
}

func (m *Message) push(p Push, title text) {
	if len(m.Pushes) < most {
		p.Title = title.line(120)
		m.Pushes = append(m.Pushes, p)
	}
}

// readGitHub reads GitHub's messages, and Gitea's, Forgejo's and Gogs's.
func (m *Message) readGitHub(payload []byte) error {
	var body struct {
		Ref        text
		After      text
		Deleted    bool
		HeadCommit struct{ Message text } `json:"head_commit"`
		Commits    [most]struct{ ID, Message text }
		Repository struct {
			CloneURL text `json:"clone_url"`
			HTMLURL  text `json:"html_url"`
			Default  text `json:"default_branch"`
		}
	}
	if err := decode(payload, &body); err != nil {
		return err
	}
	m.add(body.Repository.CloneURL, body.Repository.HTMLURL)
	m.Default = body.Repository.Default.line(200)
	m.Ping = m.Event == "ping"
	if m.Event != "push" {
		return nil
	}
	title := body.HeadCommit.Message
	for _, c := range body.Commits {
		if title == "" && c.ID == body.After {
			title = c.Message
		}
	}
	p := moved(body.Ref, body.After)
	p.Deleted = p.Deleted || body.Deleted
	m.push(p, title)
	return nil
}

func (m *Message) readGitLab(payload []byte) error {
	var body struct {
		Kind    text `json:"object_kind"`
		Ref     text
		After   text
		Commits [most]struct{ ID, Message text }
		Project struct {
			HTTP text `json:"git_http_url"`
			Web  text `json:"web_url"`

			Default text `json:"default_branch"`
		}
	}
	if err := decode(payload, &body); err != nil {
		return err
	}
	m.add(body.Project.HTTP, body.Project.Web)
	m.Default = body.Project.Default.line(200)
	if body.Kind != "push" && body.Kind != "tag_push" {
		return nil
	}
	title := text("")
	for _, c := range body.Commits {
		if c.ID == body.After {
			title = c.Message
		}
	}
	m.push(moved(body.Ref, body.After), title)
	return nil
}

// readBitbucket reads Bitbucket Cloud's messages (repo:push) and Data Center's (repo:refs_changed).
func (m *Message) readBitbucket(payload []byte) error {
	if m.Event == "diagnostics:ping" {
		m.Ping = true
		return nil
	}
	var body struct {
		Push struct {
			Changes [most]struct {
				New *struct {
					Type, Name text
					Target     struct{ Hash, Message text }
				}
				Old *struct{ Type, Name text }
			}
		}
		Changes [most]struct {
			Ref    struct{ ID text }
			ToHash text
			Type   text
		}
		Repository struct {
			Links struct {
				HTML  struct{ Href text }
				Clone [10]struct{ Href text }
			}
		}
	}
	if err := decode(payload, &body); err != nil {
		return err
	}
	m.add(body.Repository.Links.HTML.Href)
	for _, l := range body.Repository.Links.Clone {
		m.add(l.Href)
	}
	for _, c := range body.Push.Changes {
		switch {
		case c.New != nil:
			m.push(moved(refOf(c.New.Type, c.New.Name), c.New.Target.Hash), c.New.Target.Message)
		case c.Old != nil:
			m.push(moved(refOf(c.Old.Type, c.Old.Name), ""), "")
		}
	}
	for _, c := range body.Changes {
		if c.Ref.ID == "" {
			continue // an array is filled up
		}
		if c.Type == "DELETE" {
			c.ToHash = ""
		}
		m.push(moved(c.Ref.ID, c.ToHash), "")
	}
	return nil
}

func refOf(kind, name text) text {
	if kind == "branch" {
		return heads + name
	}
	return tags + name
}
