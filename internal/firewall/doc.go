// Package firewall keeps the rules that hold apps and builds inside their own networks.
//
// Docker lets every container reach every port that the machine has open to the world, and what
// other containers publish. Apps are the code of people who may be hacked, so that they get the
// internet, their own network and the public ports of this server, and nothing else of it: not its
// services, not other apps, not the cloud's metadata (which hands out keys), not mail to port 25
// (which gets the server's address onto block lists). Builds run code of strangers, so that
// private networks are closed to them too, but for what the owner allows.
//
// What surprises: all rules lie in two chains of our own, and one jump leads to each: from INPUT,
// and from DOCKER-USER, which Docker leaves alone and keeps first. They name bridges by a pattern
// that carries this installation's tag, so that they do not change when apps come and go, and touch
// neither the owner's containers nor another Lugsail. Docker, ufw and firewalld throw rules away
// when they start over, and people do; so they are looked at every minute and put back. What is
// there is compared with what the kernel listed after it was put in, never with our own text:
// versions of iptables spell one rule in several ways. The rules stay when the control plane stops.
//
// Steps of Dockerfiles are no containers: BuildKit runs them on the engine's own bridge, docker0, where
// the owner's containers may be too. While such a build runs, rules close to that bridge what is
// closed to builds, but for the addresses of the owner's containers (Hold).
//
// Docker starts apps before the control plane runs, so that First puts the rules in before Docker starts,
// into the chain that Docker finds and keeps first.
//
// A kernel may lack the match physdev, by which packets between two replicas of one app are told. Where
// bridges' packets go through the rules all the same, such replicas are then kept apart, and said to be.
//
// Names are resolved by Docker's own resolver, but it asks from inside the container's network: the
// machine's resolvers are therefore open to port 53, wherever they are. In Google's cloud that is
// the very address of the metadata.
package firewall
