console.log('migrating with', process.env.SECRET ? 'a secret' : 'no secret', 'in', process.env.LUGSAIL_RELEASE);
console.log(process.env.SECRET || '');
process.exit(Number(process.env.MIGRATION || 0));
