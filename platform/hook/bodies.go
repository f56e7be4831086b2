package hook

import "strings"

const (
	heads  = "refs/heads/"
	tags   = "refs/tags/"
	nobody = "0000000000000000000000000000000000000000"
)

// moved makes a push of a ref and where it stands now.
func moved(ref, commit string) Push {
	p := Push{Commit: text(commit, 64), Tag: strings.HasPrefix(ref, tags)}
	if branch, ok := strings.CutPrefix(ref, heads); ok {
		p.Branch = text(branch, 200)
	}
	p.Deleted = commit == "" || strings.HasPrefix(commit, nobody)
	return p
}

func (m *Message) add(addresses ...string) {
	for _, a := range addresses {
		if a != "" && len(a) <= 500 && len(m.Repositories) < 10 {
			m.Repositories = append(m.Repositories, text(a, 500))
		}
	}
}

// push keeps a bounded number: a message names few refs.
func (m *Message) push(p Push, title string) {
	if len(m.Pushes) < 100 {
		p.Title = text(title, 120)
		m.Pushes = append(m.Pushes, p)
	}
}

// readGitHub reads GitHub's messages, and Gitea's, Forgejo's and Gogs's.
func (m *Message) readGitHub(payload []byte) error {
	var body struct {
		Ref        string
		After      string
		Deleted    bool
		HeadCommit struct{ Message string } `json:"head_commit"`
		Commits    []struct{ ID, Message string }
		Repository struct {
			CloneURL string `json:"clone_url"`
			HTMLURL  string `json:"html_url"`
			Default  string `json:"default_branch"`
		}
	}
	if err := decode(payload, &body); err != nil {
		return err
	}
	m.add(body.Repository.CloneURL, body.Repository.HTMLURL)
	m.Default = text(body.Repository.Default, 200)
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
		Kind    string `json:"object_kind"`
		Ref     string
		After   string
		Commits []struct{ ID, Title, Message string }
		Project struct {
			HTTP string `json:"git_http_url"`
			Web  string `json:"web_url"`

			Default string `json:"default_branch"`
		}
	}
	if err := decode(payload, &body); err != nil {
		return err
	}
	m.add(body.Project.HTTP, body.Project.Web)
	m.Default = text(body.Project.Default, 200)
	if body.Kind != "push" && body.Kind != "tag_push" {
		return nil
	}
	title := ""
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
			Changes []struct {
				New *struct {
					Type, Name string
					Target     struct{ Hash, Message string }
				}
				Old *struct{ Type, Name string }
			}
		}
		Changes []struct {
			Ref    struct{ ID string }
			ToHash string
			Type   string
		}
		Repository struct {
			Links struct {
				HTML  struct{ Href string }
				Clone []struct{ Href, Name string }
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
		if c.Type == "DELETE" {
			c.ToHash = ""
		}
		m.push(moved(c.Ref.ID, c.ToHash), "")
	}
	return nil
}

func refOf(kind, name string) string {
	if kind == "branch" {
		return heads + name
	}
	return tags + name
}
