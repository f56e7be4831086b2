<?php
// Writes the settings and the administrator at the first start. The settings come last: where they are, all is there.
$conf = '/var/lib/dokuwiki/conf';
foreach (['plugins.php', 'plugins.required.php'] as $name) {
    copy("/etc/dokuwiki/$name", "$conf/$name");
}
file_put_contents("$conf/local.protected.php", <<<'PHP'
<?php
// Written by Lugsail at each start.
$conf['baseurl'] = isset($_SERVER['HTTP_HOST']) ? 'https://' . $_SERVER['HTTP_HOST'] : '';
$conf['basedir'] = '/';
$conf['userewrite'] = 1;

PHP);
if (file_exists("$conf/local.php")) {
    exit;
}
$admin = getenv('DOKUWIKI_ADMIN');
$line = [$admin, password_hash(getenv('DOKUWIKI_PASSWORD'), PASSWORD_BCRYPT), $admin, getenv('DOKUWIKI_EMAIL'), 'admin,user'];
file_put_contents("$conf/users.auth.php", "# <?php exit()?>\n" . implode(':', $line) . "\n");
file_put_contents("$conf/acl.auth.php", "# <?php exit()?>\n*\t@ALL\t1\n*\t@user\t8\n");
$settings = ['title' => getenv('DOKUWIKI_TITLE'), 'useacl' => 1, 'superuser' => '@admin', 'disableactions' => 'register,resendpwd'];
$text = "<?php\n";
foreach ($settings as $name => $value) {
    $text .= "\$conf['$name'] = " . var_export($value, true) . ";\n";
}
file_put_contents("$conf/local.php.new", $text);
rename("$conf/local.php.new", "$conf/local.php");
echo "DokuWiki is set up.\n";
