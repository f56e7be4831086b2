console.log('working as', process.env.LUGSAIL_PROCESS);
if (process.env.STUBBORN) process.on('SIGTERM', () => console.log('not now'));
setInterval(() => {}, 1000);
