<?php
// Waits for the database and sets the wiki up in it, unless it is there; then only what a newer version needs is done.
mysqli_report(MYSQLI_REPORT_OFF);
for ($end = time() + 240; ; usleep(200_000)) {
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 5);
    if (@$db->real_connect(getenv('DATABASE_HOST'), getenv('DATABASE_USER'), getenv('DATABASE_PASSWORD'), getenv('DATABASE_NAME'), (int) getenv('DATABASE_PORT'))) {
        break;
    }
    if (time() > $end) {
        fwrite(STDERR, "The database does not answer: {$db->connect_error}\n");
        exit(1);
    }
}

// run runs a script of MediaWiki's, and shows what it says when it fails.
function run(string ...$command): void
{
    exec('php /usr/share/mediawiki/maintenance/run.php ' . implode(' ', array_map('escapeshellarg', $command)) . ' 2>&1', $said, $code);
    if ($code !== 0) {
        fwrite(STDERR, implode("\n", $said) . "\n");
        exit(1);
    }
}

preg_match("/MW_VERSION', '([^']+)'/", file_get_contents('/usr/share/mediawiki/includes/Defines.php'), $version);
$done = @file_get_contents('/data/version');
$tables = array_column($db->query('SHOW TABLES')->fetch_all(), 0);
if (in_array('lugsail_setup', $tables, true)) { // a first start was cut off, and nobody has seen the wiki yet
    $db->query('SET foreign_key_checks = 0');
    foreach (array_diff($tables, ['lugsail_setup']) as $table) {
        $db->query("DROP TABLE `$table`");
    }
    $db->query('DROP TABLE lugsail_setup');
    $tables = [];
}
if ($tables === []) {
    $db->query('CREATE TABLE lugsail_setup (begun TIMESTAMP)') || exit(1);
    putenv('MW_CONFIG_FILE');
    file_put_contents('/tmp/password', getenv('MEDIAWIKI_PASSWORD'));
    file_put_contents('/tmp/dbpassword', getenv('DATABASE_PASSWORD'));
    run(
        'install', '--dbtype=mysql', '--dbserver=' . getenv('DATABASE_HOST') . ':' . getenv('DATABASE_PORT'),
        '--dbname=' . getenv('DATABASE_NAME'), '--dbuser=' . getenv('DATABASE_USER'), '--dbpassfile=/tmp/dbpassword',
        '--passfile=/tmp/password', '--confpath=/tmp', '--server=' . getenv('MEDIAWIKI_URL'), '--scriptpath=', '--lang=en',
        getenv('MEDIAWIKI_TITLE'), getenv('MEDIAWIKI_ADMIN'),
    );
    array_map('unlink', ['/tmp/password', '/tmp/dbpassword', '/tmp/LocalSettings.php']);
    putenv('MW_CONFIG_FILE=/data/LocalSettings.php');
    run('update', '--quick', '--skip-config-validation');
    if (!$db->query('DROP TABLE lugsail_setup')) { // nobody may see the wiki while the next start would begin anew
        fwrite(STDERR, "The database does not answer: {$db->error}\n");
        exit(1);
    }
    echo "MediaWiki is set up.\n";
} elseif (!in_array('revision', $tables, true)) {
    fwrite(STDERR, "The database holds tables of another program. Bind an empty one.\n");
    exit(1);
} elseif ($done !== $version[1]) {
    run('update', '--quick', '--skip-config-validation');
    echo "The database fits MediaWiki $version[1] now.\n";
}
file_put_contents('/data/version', $version[1]);
