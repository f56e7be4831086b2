const http = require('node:http');

const greeting = 'Hello one';
const server = http.createServer((request, response) => response.end(greeting + '\n'));
server.listen(process.env.PORT, '0.0.0.0');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
