<?php
// Adminer for the databases that the app is bound to, and for no other server.
$databases = [];
foreach (getenv() as $name => $url) {
    $driver = ['mysql' => 'server', 'postgres' => 'pgsql', 'postgresql' => 'pgsql'][parse_url($url, PHP_URL_SCHEME) ?: ''] ?? null;
    if ($driver !== null && str_ends_with($name, '_URL')) {
        $at = parse_url($url);
        $databases["$driver $at[host]:$at[port]"] = [
            $driver => "$at[host]:$at[port]", 'username' => rawurldecode($at['user']), 'db' => rawurldecode(substr($at['path'], 1)),
        ];
    }
}
$asked = array_intersect_key($_GET + ['server' => null], ['server' => 1, 'pgsql' => 1, 'sqlite' => 1, 'oracle' => 1, 'mssql' => 1]);
$asked = array_filter($asked, fn ($host) => $host !== null);
if (isset($_POST['auth'])) {
    $asked = [(string) ($_POST['auth']['driver'] ?? '') => (string) ($_POST['auth']['server'] ?? '')];
}
$known = $asked !== [];
foreach ($asked as $driver => $host) {
    $known = $known && is_string($host) && isset($databases["$driver $host"]);
}
if ($known || isset($_GET['file'])) {
    function adminer_object()
    {
        require_once '/usr/share/adminer/plugins/version-noverify.php'; // which would ask adminer.org
        return new Adminer\Plugins([new AdminerVersionNoverify()]);
    }
    require '/usr/share/adminer/adminer.php';
    exit;
}
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Adminer</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 12vh auto; padding: 0 1.5rem; color: #1f2933; background: #f7f9fb }
  code { background: #e4e9ee; padding: .1rem .3rem; border-radius: .2rem }
  @media (prefers-color-scheme: dark) { body { color: #e4e7eb; background: #15191e } a { color: #8ab4f8 } code { background: #2b333c } }
</style>
<h1>Adminer</h1>
<?php if ($databases === []): ?>
<p>No database is bound to this app yet. Bind one with <code>lugsail addons bind NAME --app APP</code>, and it stands here.</p>
<?php else: ?>
<p>Choose a database. Its password is asked for then.</p>
<ul>
<?php foreach ($databases as $name => $login): ?>
  <li><a href="?<?= htmlspecialchars(http_build_query($login)) ?>"><?= htmlspecialchars(explode(' ', $name)[1]) ?></a></li>
<?php endforeach ?>
</ul>
<?php endif ?>
</html>
