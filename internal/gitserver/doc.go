// Package gitserver owns the repositories of apps and the doors by which git reaches
// them: smart HTTP at /git/APP.git, SSH at ssh://git@SERVER:2222/APP.git, and the hooks that
// turn a push into a deployment.
// Everything that touches a repository is done by the system's git, driven by lists
// of arguments; what a pusher chose (refs, names, messages) is only ever data there.
//
// A push goes like this. receive-pack checks every object (fsck) and keeps them in
// quarantine. Its pre-receive hook is the lugsail binary under another name; it asks the
// server over a unix socket. The server exports the pushed commit within limits, asks
// for a deployment and hands its log back line by line, so that the pusher watches the
// build and sees a failed one rejected. Only then do the objects enter the repository,
// and the proc-receive hook moves the branch.
//
// Fetch is the one place where git speaks to another host: the newest commit of a public
// repository, without history, into a repository that is thrown away. It connects through a
// guarded way that it is given, has no credentials and asks for none.
//
// What surprises:
//
//   - The branch is moved by the server, not by receive-pack. receive-pack insists on the
//     value that the branch had when the push began, so that of two pushes at once the
//     second would go live and then end in "cannot lock ref". Here the branch follows the
//     deployments: the highest number that went live wins.
//   - A push that began while another one was under way may replace a commit that it does
//     not contain, because the newest push wins; its pusher is told. A push that is stale
//     when it arrives is refused before anything is built.
//   - receive-pack belongs to the server, not to the connection. A pusher who presses
//     Ctrl-C loses the log and nothing else: the deployment goes on and the branch follows.
//     One who breaks off while sending has pushed nothing.
//   - When the server stops, every waiting push is rejected with a sentence. Its deployment
//     is recorded and goes on after the start. The objects leave with the quarantine, but
//     links to them were kept, and when the deployment has gone live they enter the
//     repository and the branch follows (Settle). When the server is killed, the kernel ends
//     its git processes with it and Clean removes what they left. A push from a shallow
//     clone is the exception: it has to be pushed again.
//   - SSH serves the two commands of git and, by whom it is given, SFTP; nothing else, and by keys alone. Who somebody is comes
//     from the key that has signed, never from one that was offered, nor from the user name.
//   - A push by SSH is made of the same two runs of git as one by HTTPS: the list of refs, and
//     then receive-pack, because what the client answers to the list decides how it is run.
//   - An SSH client has 15 seconds for its side of the key exchange, and then a person has
//     2 minutes to compare the fingerprint. 64 connections may be so far; when they are more, the
//     oldest of the network with the most has to go.
//   - A port that is taken or a damaged host key leave SSH away, and everything else alone.
//   - A token or key that is revoked ends its clones and the log of its pushes within 5 seconds.
//     What it has begun to deploy goes on, but its push is rejected.
//   - A push of a commit that is being deployed already follows that deployment.
//   - "Everything up-to-date" calls no hook. Export serves whoever wants to deploy again.
//   - .gitattributes has no effect on the export: no file is left out (export-ignore),
//     filled in (export-subst) or given other line ends. What was pushed is what is built.
//   - Old harmless flaws in commits (a bad date, a missing e-mail address) are let
//     through; what could harm a checkout (.git in a tree, broken order) is not.
package gitserver
