// Answers as the other test apps do; /hog takes memory until there is none.
const http = require('http');

http.createServer((request, response) => {
  if (request.url === '/hog') {
    const kept = [];
    setInterval(() => kept.push(Buffer.alloc(32 << 20, 1)), 10);
    return;
  }
  response.end(JSON.stringify({ release: process.env.LUGSAIL_RELEASE, replica: process.env.LUGSAIL_PROCESS, secret: process.env.SECRET || '' }));
}).listen(process.env.PORT);
process.on('SIGTERM', () => process.exit(0));
