// Package proxy is the data plane: the listeners on ports 80 and 443, TLS, the
// routing table, the health of targets, and the control socket with both its ends.
// It runs as a process and a user of its own, without the engine and the database,
// and goes on serving when the control plane is down.
//
// What surprises:
//
//   - The table is one atomic pointer; a request touches memory only. A request counts
//     as under way on its target before it checks that the table is still the current
//     one, so Drain never misses a request that chose its target before a switch.
//   - Drain waits for answers, also for event streams, which often end by themselves; it
//     does not wait for WebSockets, which never do. Those end when their replica is told to
//     stop: it can say goodbye, and clients come back to the new release.
//   - Targets of a table that was made before the machine's last boot are not used:
//     the engine has given their addresses to others. Requests wait for a new table.
//   - Idle connections to targets live one second. Application servers close theirs
//     after two to five, and a request sent into a closing connection cannot be
//     repeated when it has a body. A connection on the same machine costs little.
//   - Certificates of the internal CA are made at the handshake and kept in memory only;
//     the root is the only file. Only names in the table get one. A handshake for any
//     other name is answered with one neutral certificate (for lugsail.invalid), so that
//     a person who goes on after the browser's warning reads a page instead of an error
//     code; nothing is ever issued for a name that a stranger chose.
//   - certmagic cares for ACME certificates alone. Until one is there, or when it has
//     expired, the internal CA stands in, so that the site can be reached.
//   - Which authority that is comes with the table, so that an owner can change it while
//     the proxy serves: the new one has read its certificates before the old one goes.
//   - When the sockets are handed over, connections that come while a proxy ends or after
//     it was killed wait in the listen queue for the next one. To end quickly it cuts
//     event streams and WebSockets as soon as all other requests are done.
//   - Connections are limited by the machine's memory, and so are requests, in all and by
//     client: over HTTP/2 one connection carries many.
//   - Headers whose names hold anything but letters, digits and hyphens are dropped:
//     several application servers fold them into names that only the proxy may set.
package proxy
