const http = require('http')
const dns = require('dns')
const dial = require('./dial')

http.createServer(async (req, res) => {
  const q = new URL(req.url, 'http://x').searchParams
  if (req.url.startsWith('/dial')) return res.end(await dial(q.get('host'), q.get('port')))
  if (req.url.startsWith('/name')) return dns.lookup(q.get('host'), e => res.end(e ? e.code : 'found'))
  if (req.url.startsWith('/fetch')) {
    const ask = http.get({host: q.get('host'), port: q.get('port'), headers: {host: q.get('name')}}, answer => { answer.resume(); res.end(String(answer.statusCode)) })
    return ask.on('error', e => res.end(e.code))
  }
  res.end('Dialer\n')
}).listen(process.env.PORT)
