const net = require('net')

// dial tries a TCP connection and says how it went: "open", or the error's code.
module.exports = (host, port) => new Promise(resolve => {
  const socket = net.connect({host, port: Number(port), family: host.includes(':') ? 6 : 4})
  socket.setTimeout(3000)
  const end = word => { socket.destroy(); resolve(word) }
  socket.on('connect', () => end('open'))
  socket.on('timeout', () => end('timeout'))
  socket.on('error', e => end(e.code))
})
