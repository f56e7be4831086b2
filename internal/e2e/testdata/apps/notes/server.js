// Keeps every line that it is sent in a file, and sends back the file.
const http = require('http');
const fs = require('fs');

const file = process.env.NOTES || '/data/notes.txt';
const server = http.createServer((request, response) => {
  try {
    if (request.url.startsWith('/add/')) {
      fs.appendFileSync(file, request.url.slice(5) + '\n');
      const opened = fs.openSync(file, 'r');
      fs.fsyncSync(opened);
      fs.closeSync(opened);
      response.end('kept by ' + process.env.LUGSAIL_RELEASE + '\n');
      return;
    }
    if (request.url === '/who') {
      response.end(JSON.stringify({ release: process.env.LUGSAIL_RELEASE, replica: process.env.LUGSAIL_PROCESS }));
      return;
    }
    response.end(fs.existsSync(file) ? fs.readFileSync(file) : 'no notes\n');
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
});
server.listen(process.env.PORT, '0.0.0.0');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
