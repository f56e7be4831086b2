const express = require('express');

const greeting = 'Hello one';
const app = express();

app.get('/', (request, response) => response.send(greeting + '\n'));
app.get('/who', (request, response) => {
  response.json({
    release: process.env.LUGSAIL_RELEASE,
    replica: process.env.LUGSAIL_PROCESS,
    secret: process.env.SECRET || '',
    proto: request.headers['x-forwarded-proto'],
  });
});

const server = app.listen(process.env.PORT, '0.0.0.0', () => console.log('listening on', process.env.PORT));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
