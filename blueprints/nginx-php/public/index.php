<?php
// The starter page. Replace it by your own: whatever lies in the folder public is served.
try {
    $db = new PDO(
        'mysql:charset=utf8mb4;host=' . getenv('DATABASE_HOST') . ';port=' . getenv('DATABASE_PORT') . ';dbname=' . getenv('DATABASE_NAME'),
        getenv('DATABASE_USER'),
        getenv('DATABASE_PASSWORD'),
        [PDO::ATTR_TIMEOUT => 5],
    );
    $db->exec('CREATE TABLE IF NOT EXISTS visits (id INT PRIMARY KEY, count BIGINT NOT NULL)');
    $db->exec('INSERT INTO visits VALUES (1, 1) ON DUPLICATE KEY UPDATE count = count + 1');
    $visits = $db->query('SELECT count FROM visits WHERE id = 1')->fetchColumn();
    $database = 'connected to MariaDB ' . strtok($db->getAttribute(PDO::ATTR_SERVER_VERSION), '-');
} catch (PDOException $e) {
    error_log($e->getMessage());
    http_response_code(503);
    $visits = null;
    $database = 'not connected; the reason is in the log: lugsail logs';
}
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>It works</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 12vh auto; padding: 0 1.5rem; color: #1f2933; background: #f7f9fb }
  dt { color: #52606d } dd { margin: 0 0 .8rem; font-weight: 600 } code { background: #e4e9ee; padding: .1rem .3rem; border-radius: .2rem }
  @media (prefers-color-scheme: dark) { body { color: #e4e7eb; background: #15191e } dt { color: #9aa5b1 } code { background: #2b333c } }
</style>
<h1>It works</h1>
<dl>
  <dt>PHP</dt><dd><?= PHP_VERSION ?></dd>
  <dt>Database</dt><dd><?= htmlspecialchars($database) ?></dd>
<?php if ($visits !== null): ?>
  <dt>Visits</dt><dd id="visits"><?= (int) $visits ?></dd>
<?php endif ?>
</dl>
<p>This page is <code>public/index.php</code>. Change it, and push.</p>
</html>
