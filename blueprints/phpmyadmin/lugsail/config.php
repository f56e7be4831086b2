<?php
// The MariaDB databases that the app is bound to, and no other server.
$i = 0;
$cfg['Servers'] = [];
foreach (getenv() as $name => $url) {
    if (!str_ends_with($name, '_URL') || parse_url($url, PHP_URL_SCHEME) !== 'mysql') {
        continue;
    }
    $i++;
    $cfg['Servers'][$i] = [
        'host' => parse_url($url, PHP_URL_HOST),
        'port' => (string) parse_url($url, PHP_URL_PORT),
        'verbose' => parse_url($url, PHP_URL_HOST) . ':' . parse_url($url, PHP_URL_PORT),
        'auth_type' => 'cookie',
        'AllowNoPassword' => false,
    ];
}
$cfg['ServerDefault'] = 1;
$cfg['AllowArbitraryServer'] = false;
$cfg['blowfish_secret'] = getenv('PHPMYADMIN_SECRET');
$cfg['TempDir'] = '/tmp';
$cfg['VersionCheck'] = false;
$cfg['PmaNoRelation_DisableWarning'] = true;
$cfg['SendErrorReports'] = 'never';

// Debian's Twig is newer than phpMyAdmin, which would show on every page what Twig will change some day.
$handler = set_error_handler(static function (int $number, ...$error) use (&$handler) {
    return $number === E_USER_DEPRECATED || ($handler !== null && $handler($number, ...$error));
});

if ($i === 0 && PHP_SAPI !== 'cli') {
    echo '<!doctype html><meta charset="utf-8"><title>phpMyAdmin</title><h1>phpMyAdmin</h1>',
        '<p>No MariaDB is bound to this app yet. Bind one: <code>lugsail addons bind NAME --app APP</code></p>';
    exit;
}
